"""Content is split into lines, wherever its chunks are cut."""

import time

from hypothesis import given
from hypothesis import strategies as st

from components.text_example_gen.reading.read_lines import LongLine, split_lines


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


def test_a_long_line_is_not_copied_for_each_of_its_chunks() -> None:
    start = time.process_time()
    (line,) = split_lines([b"x" * 4096] * 4000, 1 << 30)
    assert isinstance(line, bytes)
    assert len(line) == 4000 * 4096
    assert time.process_time() - start < 1  # it would be four seconds
