"""Read the rows of a TSV, CSV, JSONL or Parquet file of labeled examples."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from components.text_example_gen.reading.compression import strip_ending
from components.text_example_gen.reading.errors import escape_path
from components.text_example_gen.reading.file_kinds import find_layout
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_lines import BadLine, decode_utf8
from components.text_example_gen.reading.read_parquet import open_parquet
from components.text_example_gen.reading.stored_file import open_stored
from components.text_settings import TextSettings
from core import storage
from core.errors import InputError
from core.wording import shorten, visible

_DELIMITERS = ",;\t|"
MOST_CHARACTERS = 30  # of a column's name in a message
MOST_LISTED = 300  # characters of all names
_LAYOUTS = ("csv", "jsonl", "parquet")


class TaskError(InputError):
    """Labeled examples that cannot be used as they are."""


class Row(NamedTuple):
    """A row, and where it is: `path:line`, or `path: row N` of a Parquet file."""

    where: str
    values: dict[str, Any]


def read_table(path: str, columns: Sequence[str]) -> list[Row]:
    """Read all rows.

    Args:
        path: of the file; its ending says how it is written. TSV has no quotes, CSV has.
        columns: those that every row must have.

    Raises:
        InputError: the file is missing, damaged, of another kind, or a row lacks a column.
    """
    shown = escape_path(path)
    if not storage.exists(path) or Path(path).is_dir():
        kind = "a folder, not a" if Path(path).is_dir() else "no such"
        raise TaskError(f"{shown}: {kind} file. Correct its path in evaluation.tasks.")
    name, size = path.rpartition("/")[2], storage.size_bytes(path)
    settings = TextSettings()
    file = CorpusFile(path=path, name=name, size_bytes=size)
    with open_stored(file, settings.max_gzip_ratio) as stored:
        layout = find_layout(stored.head, path, settings)
        content = b"".join(stored.chunks())
    if layout not in _LAYOUTS:
        raise TaskError(
            f"{shown}: the ending says nothing about its columns. Name it .tsv, .csv, .jsonl or "
            f".parquet."
        )
    if layout == "parquet":
        return list(_read_parquet(content, shown, columns))
    lines = _decode(content, shown)
    if layout == "jsonl":
        return list(_read_jsonl(lines, shown, columns))
    return list(_read_csv(lines, shown, columns, is_tsv=strip_ending(name).endswith(".tsv")))


def check_columns(names: Sequence[str], columns: Sequence[str], where: str) -> None:
    """Refuse rows that lack a column.

    Raises:
        TaskError: the message lists the columns that there are.
    """
    for column in columns:
        if column not in names:
            known = ", ".join(shorten(visible(name), MOST_CHARACTERS) for name in names)
            raise TaskError(
                f"{where}: no column {column!r}; the columns are: {shorten(known, MOST_LISTED)}. "
                f"Name the columns of text and label in evaluation.tasks; a file without a line of "
                f"names needs one."
            )


def _decode(content: bytes, shown: str) -> list[str]:
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    try:
        return [decode_utf8(line) for line in lines]
    except BadLine as bad:
        number = next(n for n, line in enumerate(lines, 1) if not _is_utf8(line))
        raise TaskError(
            f"{shown}:{number}:{bad.column}: {bad.reason}. Write the file as UTF-8."
        ) from bad


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_jsonl(lines: Sequence[str], shown: str, columns: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{shown}:{number}"
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TaskError(f"{where}: not JSON ({error}). Write one object per line.") from error
        if not isinstance(values, dict):
            raise TaskError(f"{where}: not a JSON object. Write one object per line.")
        check_columns(list(values), columns, where)
        yield Row(where, values)


def _read_csv(
    lines: Sequence[str], shown: str, columns: Sequence[str], *, is_tsv: bool
) -> Iterator[Row]:
    """Yield the rows; the first line has the names."""
    quoting: Any = {"quoting": csv.QUOTE_NONE, "quotechar": None} if is_tsv else {}
    csv.field_size_limit(1 << 27)
    text = [f"{line}\n" for line in lines]

    def count_known(delimiter: str) -> int:
        header: list[str] = next(csv.reader(text[:1], delimiter=delimiter, **quoting), [])
        return len(set(columns) & set(header))

    delimiter = max("\t" if is_tsv else _DELIMITERS, key=count_known)
    reader = csv.reader(text, delimiter=delimiter, strict=not is_tsv, **quoting)
    try:
        names = next(reader, [])
        check_columns(names, columns, f"{shown}:1")
        for values in reader:
            where = f"{shown}:{reader.line_num}"
            if values and len(values) != len(names):
                raise TaskError(
                    f"{where}: {len(values)} fields, but the header has {len(names)}. Correct the "
                    f"line{'' if is_tsv else ', or quote a field that contains the delimiter'}."
                )
            if values:
                yield Row(where, dict(zip(names, values, strict=True)))
    except csv.Error as error:
        raise TaskError(
            f"{shown}:{reader.line_num}: not CSV ({error}). Write the file again."
        ) from error


def _read_parquet(content: bytes, shown: str, columns: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa

    try:
        table = open_parquet(io.BytesIO(content))
        check_columns(table.schema_arrow.names, columns, shown)
        # PyArrow's threads may abort a process that ends soon after.
        rows = table.read(columns=list(columns), use_threads=False).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TaskError(
            f"{shown}: the Parquet data is cut short or damaged ({error}). Write the file again."
        ) from error
    for number, values in enumerate(rows, 1):
        yield Row(f"{shown}: row {number}", values)
