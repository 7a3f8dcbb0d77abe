"""Large files are read in ranges, and the documents are those of a file read in one go."""

import gzip
import json
from pathlib import Path

import pytest

from components.text_example_gen import plan_units
from components.text_example_gen.reading.errors import CorpusError
from components.text_example_gen.reading.find_files import CorpusFile, find_files
from components.text_settings import TextSettings
from core.manifest import Manifest
from tests.components.text_example_gen.test_write_documents import put, shards_of, write
from tests.real_text import ENGLISH, KOREAN


def units_of(corpus: Path, **settings: object) -> list[list[CorpusFile]]:
    files = find_files(str(corpus), ["*"])
    units = plan_units.plan_units(files, TextSettings.model_validate(settings))
    return [[CorpusFile(*file) for file in unit["files"]] for unit in units]


def write_twice(
    corpus: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: object
) -> tuple[Manifest, Manifest]:
    """Write the documents of whole files, and then of ranges; compare the shards."""
    whole = write(corpus, folder / "whole", **settings)
    with monkeypatch.context() as patch:
        patch.setattr(plan_units, "UNIT_BYTES", 1 << 12)
        assert any(file.is_range for unit in units_of(corpus, **settings) for file in unit)
        ranges = write(corpus, folder / "ranges", **settings)
    assert shards_of(folder / "whole") == shards_of(folder / "ranges")
    assert whole == ranges
    return whole, ranges


def test_ranges_cover_a_file_once_and_end_between_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = put(tmp_path / "c", ENGLISH)
    monkeypatch.setattr(plan_units, "UNIT_BYTES", 1 << 12)
    pieces = [file for unit in units_of(corpus) for file in unit]
    *ranges, digest = pieces
    assert (digest.first_byte, digest.end_byte) == (0, 0)
    assert len(ranges) > 3
    content = (corpus / "0.txt").read_bytes()
    assert b"".join(content[r.first_byte : r.end_byte] for r in ranges) == content
    assert all(content[: r.first_byte].endswith(b"\n\n") for r in ranges[1:])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("document_end", ["blank_line", "two_blank_lines"])
def test_lines_in_ranges_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, document_end: str
) -> None:
    corpus = put(tmp_path / "c", ENGLISH, KOREAN)
    for path in corpus.iterdir():
        gap = "\n\n\n" if document_end == "two_blank_lines" else "\n\n"
        text = path.read_text(encoding="utf-8").replace("\n\n", gap).replace("\n", end)
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    write_twice(corpus, tmp_path, monkeypatch, document_end=document_end)


def test_records_in_ranges_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "c"
    corpus.mkdir()
    lines = [json.dumps({"text": "\n".join(document)}) for document in ENGLISH]
    (corpus / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    write_twice(corpus, tmp_path, monkeypatch)


def test_what_has_no_safe_ends_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = put(tmp_path / "c", ENGLISH)
    monkeypatch.setattr(plan_units, "UNIT_BYTES", 1 << 12)
    assert units_of(corpus, document_end="file") == [find_files(str(corpus), ["*"])]
    packed = gzip.compress((corpus / "0.txt").read_bytes(), compresslevel=0)
    (corpus / "0.txt").write_bytes(packed)
    assert units_of(corpus) == [find_files(str(corpus), ["*"])]


def test_a_bad_line_of_a_range_is_found_from_the_start_of_the_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = put(tmp_path / "c", ENGLISH)
    content = (corpus / "0.txt").read_bytes()
    (corpus / "0.txt").write_bytes(content + b"\n\xff\n")
    monkeypatch.setattr(plan_units, "UNIT_BYTES", 1 << 12)
    (last,) = [f for unit in units_of(corpus) for f in unit if f.end_byte == len(content) + 3]
    lines = content[last.first_byte :].count(b"\n") + 2
    where = rf"0\.txt \(from byte {last.first_byte:,} on\):{lines}:1: byte 0xff"
    with pytest.raises(CorpusError, match=where):
        write(corpus, tmp_path / "out")


def test_a_file_of_blank_ranges_is_counted_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = put(tmp_path / "c", ENGLISH)
    (corpus / "blank.txt").write_bytes(b"\n" * 30_000)
    whole, _ = write_twice(corpus, tmp_path, monkeypatch)
    assert whole.counts["all"]["empty_files"] == 1


def test_units_stay_few_until_they_would_take_too_long() -> None:
    def count(total: int) -> int:
        size = total // 10_000
        files = [CorpusFile(f"{n}", f"{n}", size) for n in range(10_000)]
        return len(plan_units.plan_units(files, TextSettings()))

    assert count(1 << 30) == 16
    assert 60 <= count(100 << 30) <= 64
    assert 230 <= count(10**12) <= 240
