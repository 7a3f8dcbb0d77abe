"""Split bytes into lines in bounded memory, decode them as UTF-8, and clean their text."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

# Dropped, as BERT does. Those that Unicode counts as white space become a space instead.
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
# These do not end a line here. They become spaces, because another reader might end one there.
_SEPARATORS = re.compile("[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
_BYTE_ORDER_MARK = "\ufeff"
_HANGUL = re.compile("[\uac00-\ud7a3]")


class LongLine:
    """Stands for a line that is longer than the limit; its text is discarded."""


Line = bytes | LongLine


class BadLine(Exception):
    """Signal a line that is not UTF-8: the column of its first bad byte (from 1), and why.

    `DocumentReader` counts it, or raises a CorpusError that also names file and line.
    """

    def __init__(self, column: int, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


def split_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[Line]:
    r"""Split chunks into lines without their ends; only \n, \r\n and \r end a line.

    Holds at most the limit and one chunk of an overlong line.
    """
    held = bytearray()  # the start of a line whose end has not come yet
    is_too_long = False
    for chunk in _unix_line_ends(chunks):
        first, *others = chunk.split(b"\n")
        if not is_too_long:
            held += first
        if len(held) > max_line_bytes:
            held, is_too_long = bytearray(), True
        if not others:
            continue
        yield LongLine() if is_too_long else bytes(held)
        *whole, last = others
        for line in whole:
            yield line if len(line) <= max_line_bytes else LongLine()
        is_too_long = len(last) > max_line_bytes
        held = bytearray() if is_too_long else bytearray(last)
    if is_too_long:
        yield LongLine()
    elif held:
        yield bytes(held)


def _unix_line_ends(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Replace \r\n and \r by \n, also when \r\n is split between two chunks."""
    held = b""
    for chunk in chunks:
        piece = held + chunk
        held = b"\r" if piece.endswith(b"\r") else b""
        if b"\r" in piece:
            piece = piece.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield piece
    if held:
        yield b"\n"


def decode_line(line: bytes, counts: Counter[str]) -> str:
    """Return the clean text of a line; see `clean_line`.

    Raises:
        BadLine: the bytes are not UTF-8.
    """
    return clean_line(decode_utf8(line), counts)


def decode_utf8(line: bytes) -> str:
    """Return the text of a line.

    Raises:
        BadLine: the bytes are not UTF-8.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadLine(error.start + 1, _explain(line, error)) from error


def clean_line(text: str, counts: Counter[str]) -> str:
    """Return the text in NFC, without control characters or surrounding white space.

    Increments the counts `control_characters`, `line_separators` and `byte_order_marks`.
    """
    if not text.isprintable():
        text = _clean(text, counts)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.strip()


def _clean(text: str, counts: Counter[str]) -> str:
    if _BYTE_ORDER_MARK in text:
        counts["byte_order_marks"] += text.count(_BYTE_ORDER_MARK)
        text = text.replace(_BYTE_ORDER_MARK, "")
    text, dropped = _CONTROLS.subn("", text)
    text, separators = _SEPARATORS.subn(" ", text)
    if dropped:
        counts["control_characters"] += dropped
    if separators:
        counts["line_separators"] += separators
    return text.replace("\t", " ")


def _explain(line: bytes, error: UnicodeDecodeError) -> str:
    reason = f"byte 0x{line[error.start]:02x} is not UTF-8 ({error.reason})"
    if _looks_like_cp949(line):
        return f"{reason}; it looks like CP949/EUC-KR: iconv -f CP949 -t UTF-8 converts it"
    return reason


def _looks_like_cp949(line: bytes) -> bool:
    """Return whether the line decodes as Korean and most of its non-ASCII text is Hangul."""
    try:
        text = line.decode("cp949")
    except UnicodeDecodeError:
        return False
    hangul = len(_HANGUL.findall(text))
    return hangul > 0.5 * sum(not c.isascii() for c in text)
