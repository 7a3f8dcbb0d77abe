"""Lines that many documents share are dropped, in any order and any division of the text."""

import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.text_example_gen.documents import Document
from components.text_example_gen.duplicates import common_lines
from components.text_example_gen.duplicates.common_lines import CommonLines, line_key
from components.text_example_gen.writing.bucketed_file import BucketWriter
from core.errors import InputError
from tests.components.text_example_gen.test_write_documents import (
    documents_in,
    put,
    shards_of,
    write,
)

MENU, NOTICE = "Home | About | Contact", "Copyright 2024, all rights reserved."
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
PAGES = [
    [MENU, f"Page {word} is on the harbor.", f"It is {word}.", NOTICE.replace("4", str(n))]
    for n, word in enumerate(NUMBERS)
]


def dropping(documents: int) -> dict[str, Any]:
    return {"drop_boilerplate_lines": documents, "eval_fraction": 0.5}


def test_lines_are_equal_without_case_digits_and_punctuation() -> None:
    assert line_key(NOTICE) == line_key("copyright 1999 — ALL rights reserved")
    assert line_key(NOTICE) != line_key("Copyright 199, all rights reserved.")
    assert line_key("दिन") != line_key("दान")  # they differ in a vowel sign, which is a mark


def test_common_lines_are_dropped_from_all_documents(tmp_path: Path) -> None:
    alone = [MENU, NOTICE]
    manifest = write(put(tmp_path / "c", [*PAGES, alone]), tmp_path / "out", **dropping(10))
    documents = [d for s in ("train", "eval") for d in documents_in(tmp_path / "out", manifest, s)]
    assert sorted(d.sentences for d in documents) == sorted(tuple(page[1:3]) for page in PAGES)
    counts = manifest.counts["all"]
    assert (counts["boilerplate_lines"], counts["boilerplate_documents"]) == (22, 1)
    # Of texts that count as equal, the first in order of the alphabet.
    examples = manifest.facts["boilerplate"]
    assert isinstance(examples, list)
    assert {"documents": 11, "text": MENU} in examples
    assert {"documents": 11, "text": "Copyright 2020, all rights reserved."} in examples


def test_fewer_documents_keep_their_lines(tmp_path: Path) -> None:
    """A repetition within a document, or a copy of it, makes no further document."""
    corpus = put(tmp_path / "c", [*PAGES[:9], PAGES[0], [*PAGES[8], MENU]])
    plain = write(corpus, tmp_path / "plain", eval_fraction=0.5)
    kept = write(corpus, tmp_path / "kept", **dropping(11))
    assert shards_of(tmp_path / "kept") == shards_of(tmp_path / "plain")
    assert kept.counts["all"]["boilerplate_lines"] == 0
    assert common_lines.DROPPED not in plain.counts["all"]
    assert write(corpus, tmp_path / "less", **dropping(10)).counts["all"]["boilerplate_lines"] == 23


def test_order_and_division_of_the_text_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write(put(tmp_path / "a", PAGES), tmp_path / "one", **dropping(5))
    monkeypatch.setattr("components.text_example_gen.plan_units.UNIT_BYTES", 40)
    monkeypatch.setattr(common_lines, "RANGE_BYTES", 64)
    monkeypatch.setattr(common_lines, "HELD_LINES", 3)
    halves = put(tmp_path / "b", PAGES[6:], PAGES[3:6], PAGES[:3])
    two = write(halves, tmp_path / "two", **dropping(5))
    lines = [[d.sentences for d in documents_in(tmp_path / n, m, "train")]
             for n, m in (("one", one), ("two", two))]  # fmt: skip
    assert lines[0] == lines[1]
    assert one.facts["boilerplate"] == two.facts["boilerplate"]
    assert one.counts["all"]["boilerplate_lines"] == two.counts["all"]["boilerplate_lines"] == 20


def test_text_of_common_lines_only_stops_the_run(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", [[MENU, f"Page {n}"] for n in range(5)])
    with pytest.raises(InputError, match=r"all 5 documents \(5 documents of such lines"):
        write(corpus, tmp_path / "out", **dropping(2))


def test_a_line_in_every_document_takes_no_more_memory(tmp_path: Path) -> None:
    """A worker's memory does not grow with the number of documents that share a line."""

    def find(parts: int) -> tuple[int, int]:
        paths = {}
        for number in range(parts):
            lines = np.zeros(20_000, common_lines.LINE)
            lines["document"] = np.arange(number * len(lines), (number + 1) * len(lines))
            with BucketWriter(str(tmp_path / f"{parts}-{number}"), 4) as writer:
                writer.write_array(np.zeros(len(lines), np.int64), lines)
                (paths[number],) = writer.finish()
        tracemalloc.start()
        unit = {"number": parts, "first": 0, "end": 4}
        result = common_lines.find_common(
            unit, paths=paths, num_units=parts, threshold=100, folder=str(tmp_path)
        )
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        common = CommonLines(result["path"], parts - 1)
        return int(common._documents.item()), peak

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common_lines, "RANGE_BYTES", 1 << 20)
        few, many = find(10), find(60)
    assert few[0] == many[0] == common_lines.MAX_DOCUMENTS
    assert many[1] < 1.3 * few[1]


def test_documents_without_common_lines_are_unchanged() -> None:
    counts: Counter[str] = Counter()
    documents = [Document(("One.", "Two."))]
    assert list(CommonLines([], 0).drop(iter(documents), counts)) == documents
    assert not +counts
