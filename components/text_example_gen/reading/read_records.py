"""Read the records of JSONL and CSV files, line by line."""

import csv
import functools
import itertools
import json
from collections.abc import Iterable, Iterator

from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.read_lines import (
    BadLine,
    LongLine,
    decode_utf8,
    split_lines,
)
from components.text_example_gen.reading.records import BadRecord, Record, list_fields, make_record
from components.text_settings import TextSettings
from core.format_numbers import format_count

RECORD_SIZE = 4  # times text.max_document_bytes, for escapes and other fields
_DELIMITERS = ",;\t|"
_BYTE_ORDER_MARK = "\ufeff"


def read_jsonl(chunks: Iterable[bytes], settings: TextSettings) -> Iterator[Record | BadRecord]:
    """Yield the record of each line that is not blank, or why there is none."""
    for number, line in enumerate(split_lines(chunks, record_bytes(settings)), 1):
        try:
            text = _decode(line, number, settings).strip()
            if text:
                yield _parse_json(text, str(number), settings)
        except BadRecord as bad:
            yield bad


def _parse_json(text: str, where: str, settings: TextSettings) -> Record:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: deeply nested brackets
        hint = "; each line must be one object: `jq -c .` writes it so" if text == "{" else ""
        raise BadRecord(f"not JSON ({error}){hint}", where) from error
    if not isinstance(values, dict):
        hint = "; `jq -c '.[]'` writes one object per line" if isinstance(values, list) else ""
        raise BadRecord(f"not a JSON object{hint}", where)
    return make_record(values, where, settings)


def read_csv(
    chunks: Iterable[bytes], path: str, settings: TextSettings
) -> Iterator[Record | BadRecord]:
    """Yield the record of each row, or why there is none; the first row has the names.

    The delimiter is the comma, semicolon, tab or bar with which the first row has `text_field`.

    Raises:
        CorpusError: the first row lacks a field that the settings name.
    """
    limit = record_bytes(settings)
    csv.field_size_limit(limit)
    decode = functools.partial(_decode, settings=settings)
    # Not a generator, which would end with the first line that cannot be decoded.
    lines = map(decode, split_lines(chunks, limit), itertools.count(1))
    try:
        header = next(lines, None)
    except BadRecord as bad:
        yield bad
        return
    if header is None:  # an empty file
        return
    delimiter, names = _read_header(header, path, settings)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        where = str(rows.line_num + 2)  # the reader has not seen the header
        try:
            row = next(rows)
            if row:
                if len(row) != len(names):
                    fields = format_count(len(row), "field", "fields")
                    raise BadRecord(f"{fields}, but the header has {len(names)}", where)
                yield make_record(dict(zip(names, row, strict=True)), where, settings)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRecord(f"not CSV ({error})", where)
        except BadRecord as bad:
            yield bad


def _read_header(line: str, path: str, settings: TextSettings) -> tuple[str, list[str]]:
    """Return the delimiter and the names of the fields."""
    for delimiter in _DELIMITERS:
        try:
            names = next(csv.reader([line], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        if settings.text_field in names:
            break
    else:
        names = next(csv.reader([line]), [])
    check_fields(names, f"{escape_path(path)}:1", settings)
    return delimiter, names


def check_fields(names: list[str], where: str, settings: TextSettings) -> None:
    """Check that a table has the fields that the settings name.

    Raises:
        CorpusError: it does not.
    """
    fields = [("text_field", settings.text_field), ("id_field", settings.id_field)]
    fields += [("metadata_fields", name) for name in settings.metadata_fields]
    for setting, name in fields:
        if name is not None and name not in names:
            raise CorpusError(
                f"{where}: no column {name!r}; {list_fields(names)}. Set text.{setting} to what "
                f"the table has."
            )


def _decode(line: bytes | LongLine, number: int, settings: TextSettings) -> str:
    """Return the text of a line, with a line end, because quotes of CSV may span lines.

    Raises:
        BadRecord: it is too long or not UTF-8.
    """
    if isinstance(line, LongLine):
        raise BadRecord(
            f"longer than {record_bytes(settings):,} bytes",
            str(number),
            counter="long_line",
            remedy="raise text.max_document_bytes, ",
        )
    try:
        text = decode_utf8(line)
    except BadLine as bad:
        raise BadRecord(bad.reason, f"{number}:{bad.column}", counter="bad_encoding") from bad
    return (text.removeprefix(_BYTE_ORDER_MARK) if number == 1 else text) + "\n"


def record_bytes(settings: TextSettings) -> int:
    """Return the maximum bytes of one record as stored."""
    return RECORD_SIZE * settings.max_document_bytes
