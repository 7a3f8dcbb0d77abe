"""What is not text is refused for what it is, and never as a wrong encoding."""

import io
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from components.text_example_gen.reading.find_files import find_files
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_settings import TextSettings
from core.errors import InputError

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcff"
    "ff3f030005fe02fea735819f0000000049454e44ae426082"
)


def read(path: Path, **settings: object) -> list[tuple[str, ...]]:
    reader = DocumentReader(TextSettings.model_validate(settings))
    (file,) = find_files(str(path.parent), [path.name])
    return [document.sentences for document in reader.read(file)]


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")


def write_tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("a.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"text"))


def write_sqlite(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table a (b text)")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", r"PDF, not text\. Extract its text first, or exclude"),
        (PIXEL, r"a PNG image, not text\. Exclude the file from the pattern"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "a JPEG image"),
        (b"GIF89a\x01\x00", "a GIF image"),
        (b"<!DOCTYPE html>\n<html><body>Text", r"HTML, not text\. Extract its text first"),
        (b"\xef\xbb\xbf \n<HTML lang='en'>", "HTML"),
        (b"<html>\n<p>Text", "HTML"),
        (b"<head><title>Text</title></head>", "HTML"),
        (b"<Body class='a'> <p>Text", "HTML"),
        (b"<!-- saved\n from a site -->\n<body>Text", "HTML"),
        (b"<!-- saved -->" * 200 + b"<body>Text", "HTML"),
        (b"<?xml version='1.0'?><mediawiki>", "XML"),
        (b"{\\rtf1\\ansi", "RTF"),
        (b"7z\xbc\xaf'\x1c\x00\x04", r"a 7z archive, not text\. Unpack it, and give the folder"),
        (b"Obj\x01\x04", "Avro"),
    ],
)
def test_a_file_is_named_for_what_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path}: looks like {kind}"):
        read(path)


def test_files_of_other_programs_are_named_for_what_they_are(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"]})
    write_zip(tmp_path / "a.docx")
    write_tar(tmp_path / "a.tar.gz")
    write_sqlite(tmp_path / "a.db")
    pa.feather.write_feather(table, tmp_path / "a.feather")
    pa.parquet.write_table(table, tmp_path / "a.txt")
    for name, kind in (
        ("a.docx", "a zip archive, or a file of Word, Excel or EPUB"),
        ("a.tar.gz", "a tar archive"),
        ("a.db", "an SQLite database"),
        ("a.feather", "Arrow or Feather"),
    ):
        with pytest.raises(InputError, match=f"looks like {kind}"):
            read(tmp_path / name)
    with pytest.raises(InputError, match=r"looks like Parquet, .*Set text\.format to auto"):
        read(tmp_path / "a.txt", format="lines")
    assert read(tmp_path / "a.txt") == [("a",)]


@pytest.mark.parametrize(
    "line",
    [
        "<body> is the element that holds the text.",
        "<html> and <body> are elements.",
        "The page begins with <html><body>.",
        "<heading>First</heading>",
        "<!-- a comment --> and text",
        "<!-- a comment -->" * 300,
    ],
)
def test_text_that_mentions_a_tag_is_text(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"{line}\n")
    assert read(path) == [(line,)]


def test_markup_is_text_where_the_format_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"<html>\n<p>Text\n")
    assert read(path, format="lines") == [("<html>", "<p>Text")]


@pytest.mark.parametrize("content", [b"BZh91 is text.\n", b"PK is text.\n", b"<b>Bold</b> text.\n"])
def test_text_that_begins_like_something_else_is_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert read(path) == [(content.decode().strip(),)]
