"""Files are split into lines in bounded memory, and files that are not text are refused."""

import gzip
import hashlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_lines import LineReader, LongLine, split_lines
from core.errors import InputError

MEBIBYTE = 1 << 20


def reader(path: Path, *, max_line_bytes: int = MEBIBYTE, max_gzip_ratio: int = 200) -> LineReader:
    file = CorpusFile(path=str(path), name=path.name, size_bytes=0)
    return LineReader(file, max_line_bytes=max_line_bytes, max_gzip_ratio=max_gzip_ratio)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_only_lf_crlf_and_cr_end_a_line() -> None:
    content = b"a\nb\r\nc\rd\r\n\r\ne\n\r\n\x0bf\x0c\x1c\xc2\x85\xe2\x80\xa8g"
    expected = [b"a", b"b", b"c", b"d", b"", b"e", b"", b"\x0bf\x0c\x1c\xc2\x85\xe2\x80\xa8g"]
    assert list(split_lines([content], 100)) == expected


@given(st.lists(st.sampled_from(["a", "bc", "\n", "\r", "\r\n", "한"])), st.integers(1, 5))
def test_lines_do_not_depend_on_where_chunks_are_cut(parts: list[str], size: int) -> None:
    content = "".join(parts).encode()
    chunks = [content[n : n + size] for n in range(0, len(content), size)]
    text = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    expected = text.removesuffix(b"\n").split(b"\n") if text else []
    assert list(split_lines(chunks, 100)) == expected


@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\r", b"x"))), st.integers(1, 9))
def test_exactly_the_lines_beyond_the_limit_are_long(parts: list[bytes], size: int) -> None:
    content = b"\n".join(parts)
    chunks = [content[n : n + size] for n in range(0, len(content), size)]
    lines = [None if isinstance(x, LongLine) else x for x in split_lines(chunks, 4)]
    expected = content.removesuffix(b"\n").split(b"\n") if content else []
    assert lines == [None if len(line) > 4 else line for line in expected]


def test_a_line_of_100_megabytes_is_never_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    with path.open("wb") as stream:
        stream.write(b"before\n")
        for _ in range(100):
            stream.write(b"x" * MEBIBYTE)
        stream.write(b"\nafter\n")
    tracemalloc.start()
    before, long, after = reader(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (before, isinstance(long, LongLine), after) == (b"before", True, b"after")
    assert peak < 3 * MEBIBYTE


def test_gzip_is_decompressed_and_hashed_as_stored(tmp_path: Path) -> None:
    content = gzip.compress(b"one\ntwo\n") + gzip.compress(b"three")
    lines = reader(write(tmp_path / "a.txt.GZ", content))
    assert list(lines) == [b"one", b"two", b"three"]
    assert lines.sha256 == hashlib.sha256(content).hexdigest()


def test_a_decompression_bomb_is_refused_early(tmp_path: Path) -> None:
    content = gzip.compress(b"a\n" * (32 * MEBIBYTE))
    lines = iter(reader(write(tmp_path / "bomb.gz", content)))
    with pytest.raises(InputError, match=r"bomb\.gz: expands to more than 200 bytes"):
        for number, _ in enumerate(lines):
            assert number < 16 * MEBIBYTE


@pytest.mark.parametrize("damage", ["cut", "bit", "head"])
def test_damaged_gzip_is_refused(tmp_path: Path, damage: str) -> None:
    content = bytearray(gzip.compress(b"some text that is long enough\n" * 50))
    if damage == "cut":
        del content[-12:]
    else:
        content[20 if damage == "bit" else 1] ^= 0xFF
    with pytest.raises(InputError, match=r"a\.gz: the gzip data is cut short or damaged"):
        list(reader(write(tmp_path / "a.gz", bytes(content))))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["", "-le", "-be"])
def test_utf16_and_utf32_get_a_hint(tmp_path: Path, encoding: str, order: str) -> None:
    content = "The class statement.\n".encode(encoding + order)
    message = rf"a\.txt:1: .* looks like {encoding.upper()}.* iconv -f {encoding.upper()} "
    with pytest.raises(InputError, match=message):
        list(reader(write(tmp_path / "a.txt", content)))


def test_a_file_of_zeros_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.txt:1: this is not text.*Exclude the file"):
        list(reader(write(tmp_path / "a.txt", bytes(5000))))


def test_korean_utf16_with_a_byte_order_mark_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="looks like UTF-16"):
        list(reader(write(tmp_path / "a.txt", "데비안\n".encode("utf-16"))))


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"one\ntwo\n")
    lines = iter(reader(path))
    next(lines)
    path.write_bytes(b"one\ntwo\nthree\n")
    with pytest.raises(InputError, match=r"a\.txt: the file changed while it was read"):
        list(lines)


def test_a_file_that_disappears_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.txt: the file is gone"):
        list(reader(tmp_path / "gone.txt"))


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert list(reader(write(tmp_path / "a.txt", b""))) == []
