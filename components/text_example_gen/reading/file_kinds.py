"""Recognize what a file holds by its first bytes and its name, and refuse what is not text."""

import json
import re
from typing import Literal

from components.text_example_gen.reading.compression import strip_ending
from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_settings import TextSettings

Layout = Literal["lines", "prose", "jsonl", "csv", "parquet"]
PARQUET_MAGIC = b"PAR1"
_SAMPLE_BYTES = 4096
_BYTE_ORDER_MARKS = {  # the longer ones first: UTF-32's begins with UTF-16's
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_EXTRACT = "Extract its text first"
_UNPACK = "Unpack it, and give the folder"
_NOT_TEXT = {  # by the first bytes
    b"PK\x03\x04": ("a zip archive, or a file of Word, Excel or EPUB", _UNPACK),
    b"%PDF-": ("PDF", _EXTRACT),
    b"{\\rtf": ("RTF", _EXTRACT),
    b"\xd0\xcf\x11\xe0": ("an old file of Word or Excel", _EXTRACT),
    b"\x89PNG": ("a PNG image", ""),
    b"\xff\xd8\xff": ("a JPEG image", ""),
    b"GIF87a": ("a GIF image", ""),
    b"GIF89a": ("a GIF image", ""),
    b"II*\0": ("a TIFF image", ""),
    b"7z\xbc\xaf'\x1c": ("a 7z archive", _UNPACK),
    b"Rar!\x1a": ("a RAR archive", _UNPACK),
    b"ARROW1\0": ("Arrow or Feather", "Write it as Parquet"),
    b"Obj\x01": ("Avro", "Write it as Parquet or JSONL"),
    b"SQLite format 3\0": ("an SQLite database", "Write its table as CSV or JSONL"),
    b"\x7fELF": ("a program", ""),
    b"version https://git-lfs": ("a pointer of Git LFS", "Run `git lfs pull`"),
}
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_MARKUP = re.compile(  # a sentence may begin with the name of a tag: "<body> is …"
    rb"(?:\xef\xbb\xbf)?(?>\s|<!--.*?-->)*+"
    rb"<(?:(\?xml)\b|!doctype\s+html\b|(?:html|head|body)(?:\s[^<>]*)?>(?![ \t]+[^\s<]))",
    re.IGNORECASE | re.DOTALL,
)


def find_layout(head: bytes, path: str, settings: TextSettings) -> Layout:
    """Return how a file holds its documents; lines and prose are plain text.

    Args:
        head: the first decompressed bytes.
        path: of the file; its ending counts if `text.format` is auto.
        settings: of the text.

    Raises:
        CorpusError: the file is not text, or not of the format that the settings name.
    """
    chosen = settings.format
    if head.startswith(PARQUET_MAGIC):
        if chosen not in ("auto", "parquet"):
            raise _refuse(path, "Parquet", "Set text.format to auto or parquet")
        return "parquet"
    _refuse_what_is_not_text(head, path, is_markup_text=chosen in ("lines", "prose"))
    if chosen == "auto":
        chosen = _guess(head, path)
    if chosen == "parquet":
        raise CorpusError(
            f"{escape_path(path)}: not a Parquet file (it does not begin with PAR1). Copy it from "
            f"its source again, or exclude it from the pattern."
        )
    return settings.plain_form if chosen == "auto" else chosen


def _guess(head: bytes, path: str) -> Literal["auto", "jsonl", "csv", "parquet"]:
    """Return the layout that a name stands for; a name without an ending may hold JSON."""
    _, dot, ending = strip_ending(path.rpartition("/")[2]).rpartition(".")
    if ending in ("jsonl", "ndjson", "json"):
        return "jsonl"
    if ending in ("csv", "tsv"):
        return "csv"
    if ending == "parquet":
        return "parquet"
    if not dot and head.startswith(b"{"):
        try:
            json.loads(head.partition(b"\n")[0])
        except (ValueError, RecursionError):
            return "auto"
        return "jsonl"
    return "auto"


def _refuse_what_is_not_text(head: bytes, path: str, *, is_markup_text: bool) -> None:
    sample = head[:_SAMPLE_BYTES]
    for magic, (kind, remedy) in _NOT_TEXT.items():
        if sample.startswith(magic):
            raise _refuse(path, kind, remedy)
    if sample[_TAR_OFFSET:].startswith(_TAR_MAGIC):
        raise _refuse(path, "a tar archive", _UNPACK)
    if (markup := _MARKUP.match(sample)) and not is_markup_text:
        kind = "XML" if markup[1] else "HTML"
        raise _refuse(path, kind, f"{_EXTRACT}, or set text.format to lines to keep the tags")
    _refuse_other_encodings(sample, path)


def _refuse(path: str, kind: str, remedy: str) -> CorpusError:
    remedy = f"{remedy}, or exclude" if remedy else "Exclude"
    return CorpusError(
        f"{escape_path(path)}: looks like {kind}, not text. {remedy} the file from the pattern."
    )


def _refuse_other_encodings(sample: bytes, path: str) -> None:
    marks = (name for mark, name in _BYTE_ORDER_MARKS.items() if sample.startswith(mark))
    encoding = next(marks, None)
    if encoding is None and len(sample) >= 4:
        encoding = _guess_from_zeros(sample)
    if encoding == "":
        raise CorpusError(
            f"{escape_path(path)}:1: this is not text: many bytes are zero. Exclude the file from "
            f"the pattern."
        )
    if encoding:
        raise CorpusError(
            f"{escape_path(path)}:1: the file looks like {encoding}, but only UTF-8 is supported. "
            f"Convert it: iconv -f {encoding} -t UTF-8."
        )


def _guess_from_zeros(sample: bytes) -> str | None:
    """Recognize Latin text in UTF-16 or UTF-32 by its zero bytes; return "" for no text at all."""
    shares = [sample[lane::4].count(0) / len(sample[lane::4]) for lane in range(4)]
    zeros = [share > 0.7 for share in shares]
    if all(zeros):
        return ""
    if zeros in ([False, True, True, True], [True, True, True, False]):
        return "UTF-32" if _decodes(sample, "UTF-32", zeros) else ""
    if zeros in ([False, True, False, True], [True, False, True, False]):
        return "UTF-16" if _decodes(sample, "UTF-16", zeros) else ""
    return None


def _decodes(sample: bytes, encoding: str, zeros: list[bool]) -> bool:
    """Return whether bytes with zeros in these lanes are text in an encoding, and not a program."""
    order = "BE" if zeros[0] else "LE"
    text = sample[: len(sample) // 4 * 4].decode(f"{encoding}-{order}", errors="replace")
    strange = sum(not (c.isprintable() or c.isspace()) or c == "\ufffd" for c in text)
    return strange < 0.05 * len(text)
