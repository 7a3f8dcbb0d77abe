"""The demo's text is real prose in BERT's form, and the same on every machine."""

import hashlib
from pathlib import Path

import pytest

from components.text_example_gen.reading.find_files import find_files
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_settings import TextSettings
from core.errors import InputError
from pipelines.local.demo_text import FILE, write_demo_text


def test_the_text_is_read_as_the_documents_that_were_written(tmp_path: Path) -> None:
    count = write_demo_text(tmp_path)
    reader = DocumentReader(TextSettings())
    (file,) = find_files(str(tmp_path), ["**"])
    documents = [document.sentences for document in reader.read(file)]
    assert len(documents) == count == 127
    assert sum(map(len, documents)) == 2182
    assert len({sentence for document in documents for sentence in document}) > 2100


def test_the_text_does_not_depend_on_the_python_that_runs(tmp_path: Path) -> None:
    write_demo_text(tmp_path)
    text = (tmp_path / FILE).read_bytes()
    assert hashlib.sha256(text).hexdigest().startswith("cde1a62197222ad5")
    assert not any(mark in text for mark in (b"::=", b">>>", b"****", b"+---"))


def test_writing_it_again_changes_no_byte_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_demo_text(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    write_demo_text(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(InputError, match=r"file/x: cannot be written \(Not a directory\)"):
        write_demo_text(tmp_path / "file" / "x")
