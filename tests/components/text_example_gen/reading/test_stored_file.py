"""Files are hashed and decompressed in bounded memory, and what is no text is refused."""

import gzip
import hashlib
import lzma
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.text_example_gen.reading.file_kinds import find_layout
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_lines import Line, LongLine, split_lines
from components.text_example_gen.reading.stored_file import open_stored
from components.text_settings import TextSettings
from core.errors import InputError
from tests.programs import run_program

MEBIBYTE = 1 << 20
PROGRAMS = [("gzip", ".gz"), ("bzip2", ".bz2"), ("xz", ".xz"), ("zstd", ".zst")]


@pytest.fixture(params=PROGRAMS, ids=lambda program: program[0])
def program(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A program that compresses, and the ending of its files."""
    chosen: tuple[str, str] = request.param
    return chosen


def run(command: str, content: bytes) -> bytes:
    return run_program([command, "-c"], content)


def reader(
    path: Path, *, max_line_bytes: int = MEBIBYTE, max_gzip_ratio: int = 200
) -> Iterator[Line]:
    with open_stored(CorpusFile(str(path), path.name, 0), max_gzip_ratio) as stored:
        find_layout(stored.head, path.name, TextSettings())
        yield from split_lines(stored.chunks(), max_line_bytes)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


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
    assert peak < 4 * MEBIBYTE


def test_gzip_is_decompressed_and_hashed_as_stored(tmp_path: Path) -> None:
    content = gzip.compress(b"one\ntwo\n") + gzip.compress(b"three")
    path = write(tmp_path / "a.txt.GZ", content)
    assert list(reader(path)) == [b"one", b"two", b"three"]
    with open_stored(CorpusFile(str(path), path.name, 0), 200) as stored:
        stored.finish()
    assert stored.sha256 == hashlib.sha256(content).hexdigest()


def test_one_program_s_streams_are_read_one_after_the_other(
    tmp_path: Path, program: tuple[str, str]
) -> None:
    """By the first bytes, so the name may say nothing of it."""
    command, _ = program
    content = run(command, b"one\ntwo\n") + run(command, "셋\n".encode())
    assert list(reader(write(tmp_path / "a.txt", content))) == [b"one", b"two", "셋".encode()]


def test_a_decompression_bomb_is_refused_early(tmp_path: Path, program: tuple[str, str]) -> None:
    command, ending = program
    bomb = write(tmp_path / f"bomb{ending}", run(command, b"a\n" * (32 * MEBIBYTE)))
    with pytest.raises(InputError, match=rf"bomb\{ending}: expands to more than 20 bytes"):
        for number, _ in enumerate(reader(bomb, max_gzip_ratio=20)):
            assert number < 16 * MEBIBYTE


@pytest.mark.parametrize("damage", ["cut", "bit", "head", "tail"])
def test_damaged_data_is_refused(tmp_path: Path, damage: str, program: tuple[str, str]) -> None:
    command, ending = program
    content = bytearray(run(command, b"".join(b"This is line %d.\n" % n for n in range(999))))
    if damage == "cut":
        del content[-12:]
    elif damage == "tail":
        content += b"something else"
    else:
        content[len(content) // 2 if damage == "bit" else 1] ^= 0xFF
    message = rf"a\{ending}: the {command} data is cut short or damaged"
    with pytest.raises(InputError, match=message):
        list(reader(write(tmp_path / f"a{ending}", bytes(content))))


def test_xz_with_a_huge_dictionary_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    content = lzma.compress(b"text\n", filters=filters)
    with pytest.raises(InputError, match=r"a\.xz: the xz data.*[Mm]emory usage limit"):
        list(reader(write(tmp_path / "a.xz", content)))


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
    lines = reader(path)
    next(lines)
    path.write_bytes(b"one\ntwo\nthree\n")
    with pytest.raises(InputError, match=r"a\.txt: the file changed while it was read"):
        list(lines)


def test_a_file_that_disappears_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.txt: the file is gone"):
        list(reader(tmp_path / "gone.txt"))


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert list(reader(write(tmp_path / "a.txt", b""))) == []
