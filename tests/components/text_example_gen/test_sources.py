"""Sources are mixed by weight and counted, in any order of the files."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.text_example_gen import plan_units, write_documents
from components.text_example_gen.check_corpus import TextSource
from components.text_example_gen.reading.find_sources import find_sources
from components.text_example_gen.reading.fingerprint import fingerprint
from components.text_settings import TextSettings
from core.errors import InputError
from core.manifest import Manifest
from tests.components.text_example_gen.test_write_documents import (
    documents_in,
    serially,
    shards_of,
)
from tests.real_text import ENGLISH, KOREAN

COPIES = 8
WEB = [[f"Copy {n}.", *document] for n in range(COPIES) for document in ENGLISH]
BOOKS = [[f"{n}번.", *document] for n in range(COPIES) for document in KOREAN]
PATTERNS = {"web": ["web"], "books": ["books"]}


def put(corpus: Path, web_files: int = 1, books: Sequence[Sequence[str]] = BOOKS) -> Path:
    """Write one source as plain text and one as JSONL."""
    (corpus / "web").mkdir(parents=True)
    (corpus / "books").mkdir()
    for n in range(web_files):
        text = "\n\n".join("\n".join(document) for document in WEB[n::web_files])
        (corpus / "web" / f"{n}.txt").write_text(text, encoding="utf-8")
    rows = [json.dumps({"text": "\n".join(document)}) for document in books]
    (corpus / "books" / "all.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return corpus


def make_settings(web: dict[str, Any], books: dict[str, Any], **settings: Any) -> TextSettings:
    sources = [{"name": "web", "path": "w", **web}, {"name": "books", "path": "b", **books}]
    chosen = {"form": "lines", "shard_bytes": 1 << 16, "eval_fraction": 0.2, "sources": sources}
    return TextSettings.model_validate_json(json.dumps({**chosen, **settings}))


def write(corpus: Path, folder: Path, settings: TextSettings) -> Manifest:
    source = TextSource(str(corpus), PATTERNS, "", 0)
    return write_documents.write_documents(source, settings, str(folder), "code", serially)


def count_bytes(manifest: Manifest, split: str = "train") -> dict[str, int]:
    sources: Any = manifest.facts["sources"]
    return {name: source[split]["text_bytes"] for name, source in sources.items()}


@pytest.mark.parametrize(("web", "books"), [(1, 1), (3, 1), (0.1, 0.9), (1, 0)])
def test_shares_of_the_text_are_those_of_the_weights(
    tmp_path: Path, web: float, books: float
) -> None:
    settings = make_settings({"weight": web}, {"weight": books})
    manifest = write(put(tmp_path / "c"), tmp_path / "out", settings)
    for split, tolerance in (("train", 0.03), ("eval", 0.08)):
        size = count_bytes(manifest, split)
        expected = pytest.approx(web / (web + books), abs=tolerance)
        assert size["web"] / sum(size.values()) == expected
    assert manifest.counts["all"]["dropped_by_weight"] > 0


def test_without_weights_all_text_is_written_and_counted_by_source(tmp_path: Path) -> None:
    manifest = write(put(tmp_path / "c", web_files=3), tmp_path / "out", make_settings({}, {}))
    sources: Any = manifest.facts["sources"]
    for name, documents in (("web", WEB), ("books", BOOKS)):
        splits = [sources[name][split] for split in ("train", "eval")]
        assert sum(split["documents"] for split in splits) == len(documents)
        assert sum(split["sentences"] for split in splits) == sum(map(len, documents))
    assert (sources["web"]["read"]["files"], sources["books"]["read"]["records"]) == (3, len(BOOKS))
    assert "dropped_by_weight" not in manifest.counts["all"]


def test_bytes_do_not_depend_on_units_and_division_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings({"weight": 1}, {"weight": 2, "repeat": 2})
    first = write(put(tmp_path / "a"), tmp_path / "out_a", settings)
    monkeypatch.setattr(plan_units, "UNIT_BYTES", 1 << 12)
    monkeypatch.setattr("components.text_example_gen.writing.runs.PART_BYTES", 10_000)
    second = write(put(tmp_path / "b", 5, BOOKS[::-1]), tmp_path / "out_b", settings)
    assert shards_of(tmp_path / "out_a") == shards_of(tmp_path / "out_b")
    assert count_bytes(first) == count_bytes(second)
    assert len(first.shards["train"]) > 2


def test_more_weight_only_adds_documents(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c")
    kept = []
    for weight in (0.1, 0.2, 0.3):
        folder = tmp_path / str(weight)
        manifest = write(corpus, folder, make_settings({"weight": weight}, {"weight": 1}))
        kept.append({d.document_id for d in documents_in(folder, manifest, "train")})
    assert kept[0] < kept[1] < kept[2]


def test_a_repeated_source_is_repeated_in_train_only(tmp_path: Path) -> None:
    settings = make_settings({}, {"repeat": 3})
    manifest = write(put(tmp_path / "c"), tmp_path / "out", settings)
    books = set(map(tuple, BOOKS))
    for split, copies in (("train", 3), ("eval", 1)):
        count = Counter(d.sentences for d in documents_in(tmp_path / "out", manifest, split))
        assert {count[document] for document in books if document in count} == {copies}
        assert {n for document, n in count.items() if document not in books} == {1}
    counted = sum(manifest.counts[split]["documents"] for split in ("train", "eval"))
    assert counted == sum(len(shard) for shard in shards_of(tmp_path / "out").values())


def test_shares_are_those_of_the_text_without_duplicates(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", books=BOOKS * 3)
    settings = make_settings({"weight": 1}, {"weight": 1}, drop_duplicates=True)
    size = count_bytes(write(corpus, tmp_path / "out", settings))
    assert size["web"] / sum(size.values()) == pytest.approx(0.5, abs=0.03)


def test_a_source_without_text_cannot_have_a_share(tmp_path: Path) -> None:
    settings = make_settings({"weight": 1}, {"weight": 1})
    with pytest.raises(InputError, match=r"source books has no document .*weight in text\.sources"):
        write(put(tmp_path / "c", books=[]), tmp_path / "out", settings)


def test_a_share_that_leaves_a_split_empty_is_refused(tmp_path: Path) -> None:
    settings = make_settings({"weight": 1}, {"weight": 1_000_000}, eval_fraction=0.01)
    with pytest.raises(InputError, match="leave no document in the eval split"):
        write(put(tmp_path / "c", books=BOOKS[:5]), tmp_path / "out", settings)


def test_a_file_of_two_sources_is_refused(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c")
    with pytest.raises(
        InputError, match=r"0\.txt: belongs to two sources, web and all\. Give each"
    ):
        find_sources(str(corpus), {"web": ["web"], "all": ["**"]})


def test_the_fingerprint_depends_on_which_source_a_file_belongs_to(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c")
    swapped = {"web": ["books"], "books": ["web"]}
    files = [find_sources(str(corpus), patterns) for patterns in (PATTERNS, swapped, ["**"])]
    assert len(set(map(fingerprint, files))) == 3


def test_the_fingerprint_does_not_depend_on_where_the_folders_are(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", web_files=2)
    before = find_sources(str(corpus), {"web": ["web/**"], "books": ["books/all.jsonl"]})
    assert [file.name for file in before] == ["books/all.jsonl", "web/0.txt", "web/1.txt"]
    digest = fingerprint(before)
    moved = tmp_path / "else/where"
    moved.mkdir(parents=True)
    (corpus / "web").rename(moved / "web")
    patterns = {"web": ["else/where/web/*"], "books": ["c/books/all.jsonl"]}
    assert fingerprint(find_sources(str(tmp_path), patterns)) == digest


@pytest.mark.parametrize(
    ("web", "books", "message"),
    [
        ({}, {"name": "web"}, "sources has the name web twice"),
        ({"weight": 1}, {}, "books has no weight, but others have"),
        ({"weight": 0}, {"weight": 0}, "weights add up to 0"),
        ({"weight": -1}, {"weight": 1}, "greater than or equal to 0"),
        ({"repeat": 0}, {}, "greater than or equal to 1"),
        ({"language": "xx"}, {}, "no such language"),
        ({"name": "text"}, {}, "text is the name of text without sources"),
        ({"name": "a/b"}, {}, "pattern"),
        ({"format": "docx"}, {}, "'auto', 'lines'"),
    ],
)
def test_wrong_sources_are_refused_with_the_recipe(
    web: dict[str, Any], books: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_settings(web, books)


def test_a_source_is_read_in_its_own_language_and_format() -> None:
    settings = make_settings({"language": "ko", "format": "csv"}, {}, language="de")
    web, books = settings.for_source("web"), settings.for_source("books")
    assert (web.language, web.format, books.language, books.format) == ("ko", "csv", "de", "auto")


def test_no_cache_key_holds_the_path_of_a_source() -> None:
    here, there = make_settings({"path": "/a"}, {}), make_settings({"path": "/b"}, {})
    assert here.without_paths() == there.without_paths() != here
