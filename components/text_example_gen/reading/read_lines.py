"""Split a file's content into lines of bytes in bounded memory."""

from collections.abc import Iterable, Iterator


class LongLine:
    """Stands for a line that is longer than the limit; its text is discarded."""


Line = bytes | LongLine


def split_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[Line]:
    r"""Split chunks into lines without their ends; only \n, \r\n and \r end a line.

    Holds at most the limit and one chunk of an overlong line.
    """
    held = b""  # the start of a line whose end has not come yet
    is_too_long = False
    for chunk in _unix_line_ends(chunks):
        first, *others = chunk.split(b"\n")
        held += first if not is_too_long else b""
        if len(held) > max_line_bytes:
            held, is_too_long = b"", True
        for piece in others:
            yield LongLine() if is_too_long else held
            is_too_long = len(piece) > max_line_bytes
            held = b"" if is_too_long else piece
    if is_too_long:
        yield LongLine()
    elif held:
        yield held


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
