"""Filters leave out documents, count them, and keep examples that do not depend on the order."""

from pathlib import Path

import pytest

from components.text_example_gen.quality.filter_documents import count_filters
from components.text_settings import TextSettings
from core.errors import InputError
from core.wording import COUNTER_NAMES
from tests.components.text_example_gen.quality.test_gopher import PROSE
from tests.components.text_example_gen.test_write_documents import put, write

BOTH = ("gopher_quality", "gopher_repetition")
GOOD = [[*PROSE, f"Ship number {n} came in."] for n in range(20)]
SHORT = [[f"Too short, number {n}."] for n in range(5)]
REPEATED = [[*PROSE, f"Please buy all of it now {n} " * 15] for n in range(2)]


def test_rejected_documents_are_counted_and_left_out(tmp_path: Path) -> None:
    corpus = put(tmp_path / "corpus", [*GOOD, *SHORT, *REPEATED])
    manifest = write(corpus, tmp_path / "out", filters=BOTH)
    counts = manifest.counts
    assert sum(counts[split]["documents"] for split in ("train", "eval")) == 20
    assert counts["all"]["filtered_short"] == 5
    assert counts["all"]["filtered_repeated_phrases"] == 2
    assert counts["all"]["filtered_stop_words"] == 0
    plain = write(put(tmp_path / "good", GOOD), tmp_path / "plain")
    digests = [s.sha256 for shards in manifest.shards.values() for s in shards]
    assert digests == [s.sha256 for shards in plain.shards.values() for s in shards]
    assert "filtered" not in plain.facts
    assert not any(name.startswith("filtered") for name in plain.counts["all"])


def test_examples_do_not_depend_on_order_or_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write(put(tmp_path / "a", [*GOOD, *SHORT]), tmp_path / "one", filters=BOTH)
    examples = one.facts["filtered"]
    assert isinstance(examples, dict)
    (short,) = examples.values()
    assert isinstance(short, list)
    assert len(short) == 3
    monkeypatch.setattr("components.text_example_gen.plan_units.UNIT_BYTES", 1)
    halves = put(tmp_path / "b", [*GOOD[:5], *SHORT], [*SHORT, *GOOD[5:]])  # SHORT has copies
    two = write(halves, tmp_path / "two", filters=BOTH).facts["filtered"]
    assert isinstance(two, dict)
    texts = [[each["text"] for each in of["filtered_short"]] for of in (examples, two)]  # type: ignore[index, call-overload, union-attr]
    assert texts[0] == texts[1]


def test_filters_that_leave_nothing_stop_the_run(tmp_path: Path) -> None:
    corpus = put(tmp_path / "corpus", SHORT)
    with pytest.raises(InputError, match=r"reject all 5 documents \(5 documents with less than"):
        write(corpus, tmp_path / "out", filters=BOTH)


def test_each_counter_has_a_name() -> None:
    assert set(count_filters(TextSettings(filters=BOTH))) <= set(COUNTER_NAMES)
