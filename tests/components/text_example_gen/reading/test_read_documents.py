"""Documents end where the settings say, and bad lines are counted or refused."""

import hashlib
from pathlib import Path

import pytest

from components.text_example_gen.documents import Document
from components.text_example_gen.reading.find_files import find_files
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_settings import TextSettings
from core.errors import InputError
from tests.real_text import ENGLISH, KOREAN


def read(folder: Path, **settings: object) -> tuple[list[list[str]], DocumentReader]:
    reader = DocumentReader(TextSettings.model_validate(settings))
    files = find_files(str(folder), ["*"])
    documents = [list(d.sentences) for file in files for d in reader.read(file)]
    return documents, reader


def put(folder: Path, **contents: bytes) -> Path:
    for name, content in contents.items():
        (folder / f"{name}.txt").write_bytes(content)
    return folder


def test_real_text_is_read_as_it_was_written(tmp_path: Path) -> None:
    text = "\n\n".join("\n".join(document) for document in ENGLISH + KOREAN)
    documents, reader = read(put(tmp_path, a=text.encode()))
    assert documents == ENGLISH + KOREAN
    assert reader.counts["files"] == 1
    assert reader.counts["lines"] == text.count("\n") + 1


@pytest.mark.parametrize(
    ("document_end", "expected"),
    [
        (None, [["A b.", "C d."], ["E f."], ["G h."], ["I j."]]),
        ("blank_line", [["A b.", "C d."], ["E f."], ["G h."], ["I j."]]),
        ("two_blank_lines", [["A b.", "C d.", "E f."], ["G h."], ["I j."]]),
        ("file", [["A b.", "C d.", "E f.", "G h."], ["I j."]]),
    ],
)
def test_documents_end_where_the_setting_says_and_at_the_end_of_the_file(
    tmp_path: Path, document_end: str | None, expected: list[list[str]]
) -> None:
    text = "\n\nA b.\nC d.\n \t\nE f.\n\n\u3000\n\nG h.\n"
    put(tmp_path, a=text.encode(), b=b"I j.")
    assert read(tmp_path, document_end=document_end)[0] == expected


def test_lf_and_crlf_give_equal_documents(tmp_path: Path) -> None:
    text = "\n\n".join("\n".join(document) for document in KOREAN[:5]).encode()
    (tmp_path / "lf").mkdir()
    (tmp_path / "crlf").mkdir()
    lf, _ = read(put(tmp_path / "lf", a=text))
    crlf, _ = read(put(tmp_path / "crlf", a=text.replace(b"\n", b"\r\n")))
    assert lf == crlf == KOREAN[:5]


def test_a_document_id_is_the_hash_of_its_content() -> None:
    assert Document(("A b.", "C d.")).document_id == Document(("A b.", "C d.")).document_id
    assert Document(("A b.", "C d.")).document_id != Document(("A b. C d.",)).document_id
    digest = hashlib.sha256("한글.\n둘.".encode()).hexdigest()
    assert Document(("한글.", "둘.")).document_id == digest[:32]


def test_a_bad_line_raises_with_file_line_column_and_remedy(tmp_path: Path) -> None:
    put(tmp_path, a=b"fine\n\nab\xffcd\n")
    message = (
        rf"{tmp_path}/a\.txt:3:3: byte 0xff is not UTF-8 \(invalid start byte\)\. Fix the file, "
        r"or set text\.on_bad_line: skip to count and drop such lines\."
    )
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_a_long_line_raises_with_the_limit_and_its_setting(tmp_path: Path) -> None:
    put(tmp_path, a=b"fine\n" + b"x" * 65 + b"\n")
    with pytest.raises(InputError, match=r"a\.txt:2: longer than 64 bytes\. .*max_line_bytes"):
        read(tmp_path, max_line_bytes=64)


def test_a_korean_file_in_cp949_gets_a_hint(tmp_path: Path) -> None:
    put(tmp_path, a="\n".join(KOREAN[1]).encode("cp949"))
    with pytest.raises(InputError, match=r"a\.txt:1:\d+: .*looks like CP949/EUC-KR"):
        read(tmp_path)


def test_skipped_lines_are_counted_by_reason_and_the_rest_is_kept(tmp_path: Path) -> None:
    put(tmp_path, a=b"one\nab\xff\ntwo\n" + b"x" * 65 + b"\nthree\n\xfe\n")
    documents, reader = read(tmp_path, on_bad_line="skip", max_line_bytes=64)
    assert documents == [["one", "two", "three"]]
    assert reader.counts["bad_encoding"] == 2
    assert reader.counts["long_line"] == 1
    assert reader.counts["lines"] == 6
    assert "a.txt:2:3" in reader.first_bad_line


def test_empty_and_blank_files_are_counted(tmp_path: Path) -> None:
    put(tmp_path, a=b"", b=b"\n \n\xe3\x80\x80\n", c=b"\xef\xbb\xbf", d=b"x")
    documents, reader = read(tmp_path)
    assert documents == [["x"]]
    assert (reader.counts["files"], reader.counts["empty_files"]) == (4, 3)
    assert reader.counts["byte_order_marks"] == 1


def test_an_endless_document_is_cut_without_losing_text(tmp_path: Path) -> None:
    sentences = [f"This is sentence {n}." for n in range(500)]
    put(tmp_path, a="\n".join(sentences).encode())
    documents, reader = read(tmp_path, max_document_bytes=1024)
    assert [s for document in documents for s in document] == sentences
    assert all(len("\n".join(document)) <= 1024 for document in documents)
    assert reader.counts["cut_documents"] == len(documents) - 1 > 0


def test_prose_of_a_file_is_one_document_of_sentences(tmp_path: Path) -> None:
    put(tmp_path, a=b"Dr. Smith paid 3.5\ndollars. Why? He\nhad to.\n\nA new paragraph", b=b"Two.")
    documents, _ = read(tmp_path, form="prose")
    expected = ["Dr. Smith paid 3.5 dollars.", "Why?", "He had to.", "A new paragraph"]
    assert documents == [expected, ["Two."]]


def test_prose_can_be_cut_into_documents_at_blank_lines(tmp_path: Path) -> None:
    put(tmp_path, a=b"One. Two.\n\nThree.\n\n\n\nFour. Five.")
    assert read(tmp_path, form="prose", document_end="two_blank_lines")[0] == [
        ["One.", "Two.", "Three."],
        ["Four.", "Five."],
    ]
    assert len(read(tmp_path, form="prose", document_end="blank_line")[0]) == 3
