"""Lines are cleaned and counted, or refused with a reason."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.text_example_gen.reading.read_lines import BadLine, decode_line
from tests.real_text import ENGLISH, KOREAN

TEXT = KOREAN[0][0]


def decode(line: bytes) -> tuple[str, dict[str, int]]:
    counts: Counter[str] = Counter()
    return decode_line(line, counts), dict(counts)


def test_real_text_is_unchanged() -> None:
    for sentence in (s for document in ENGLISH + KOREAN for s in document):
        assert decode(sentence.encode()) == (sentence, {})


def test_jamo_are_composed_into_syllables() -> None:
    assert decode(unicodedata.normalize("NFD", TEXT).encode())[0] == TEXT


@pytest.mark.parametrize(
    ("line", "text", "counts"),
    [
        (b"\xef\xbb\xbfThe", "The", {"byte_order_marks": 1}),
        (b"a\x00b\x07c\x7f", "abc", {"control_characters": 3}),
        ("a\x80\x9fb".encode(), "ab", {"control_characters": 2}),
        (b"a\tb", "a b", {}),
        ("a\u2028b\u2029c\x85d".encode(), "a b c d", {"line_separators": 3}),
        (b"a\x0bb\x0cc\x1cd", "a b c d", {"line_separators": 3}),
        (b"  \t ", "", {}),
        ("\u3000\u00a0 ".encode(), "", {}),
        ("\u3000한 \u200d글".encode(), "한 \u200d글", {}),
        (b"\x0c", "", {"line_separators": 1}),
        (b"a literal [MASK] stays", "a literal [MASK] stays", {}),
    ],
)
def test_a_line_is_cleaned_and_counted(line: bytes, text: str, counts: dict[str, int]) -> None:
    assert decode(line) == (text, counts)


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        (b"ab\xff", 3, "byte 0xff is not UTF-8"),
        ("데".encode()[:2], 1, "unexpected end of data"),
        (b"a\xc0\xaf", 2, "byte 0xc0 is not UTF-8"),  # an overlong slash
        (b"a\xed\xa0\x80", 2, "byte 0xed is not UTF-8"),  # a lone surrogate
        (b"\xf5\x80\x80\x80", 1, "byte 0xf5 is not UTF-8"),  # beyond U+10FFFF
        (TEXT.encode("cp949"), 1, "looks like CP949/EUC-KR: iconv -f CP949"),
        ("caf\xe9s".encode("latin-1"), 4, r"byte 0xe9 is not UTF-8 \(invalid continuation byte\)$"),
    ],
)
def test_bytes_that_are_not_utf8_are_refused_with_a_reason(
    line: bytes, column: int, reason: str
) -> None:
    with pytest.raises(BadLine, match=reason) as caught:
        decode(line)
    assert caught.value.column == column


@given(st.binary(max_size=40))
def test_any_bytes_give_a_clean_line_or_a_bad_line(line: bytes) -> None:
    try:
        text, _ = decode(line.replace(b"\n", b"").replace(b"\r", b""))
    except BadLine:
        return
    assert len(text.splitlines()) <= 1
    assert text == text.strip()
    assert unicodedata.is_normalized("NFC", text)
    assert not any(unicodedata.category(c) == "Cc" for c in text)
