"""Read the rows of a Parquet file, a few at a time, and only the columns that are needed."""

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_records import check_fields, record_bytes
from components.text_example_gen.reading.records import BadRecord, Record, make_record
from components.text_example_gen.reading.stored_file import StoredFile
from components.text_settings import TextSettings
from core import storage
from core.full_disk import explaining_full_disk
from core.temporary import TemporaryFolder

ROWS = 64  # in memory at once
BUFFER_BYTES = 1 << 20  # read at once of a column; whole row groups would take gigabytes


def read_parquet(
    stored: StoredFile, file: CorpusFile, settings: TextSettings
) -> Iterator[Record | BadRecord]:
    """Yield the record of each row, or why there is none.

    Raises:
        CorpusError: the file is damaged, compressed as a whole, or expands beyond the ratio, or a
            column is missing or holds no text.
    """
    import pyarrow as pa

    path = escape_path(file.path)
    if stored.compression:
        raise CorpusError(
            f"{path}: a Parquet file within {stored.compression} data cannot be read in pieces. "
            f"Decompress it; Parquet compresses its columns itself."
        )
    fields = (settings.text_field, settings.id_field, *settings.metadata_fields)
    columns = list(dict.fromkeys(name for name in fields if name is not None))
    try:
        with _open_seekable(stored, file) as stream:
            table = open_parquet(stream, buffer_size=BUFFER_BYTES, pre_buffer=False)
            _check_columns(table, path, settings)
            _check_sizes(table, stored, columns)
            size, row = 0, 0
            for batch in table.iter_batches(ROWS, columns=columns, use_threads=False):
                for values in _rows(batch, settings):
                    row += 1
                    record = _read_row(values, f" row {row}", settings)
                    size += len(record.text) if isinstance(record, Record) else 0
                    stored.check_ratio(size, file.size_bytes)
                    yield record
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        # ValueError: names in the schema that are not UTF-8; OverflowError: impossible dates.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CorpusError(
            f"{path}: the Parquet data is cut short or damaged ({escape_path(str(error))[:200]}). "
            f"Copy the file from its source again."
        ) from error


def open_parquet(stream: Any, **options: Any) -> Any:
    """Open a Parquet file that may come from anyone.

    Raises:
        ValueError: the type of a column is pickled code.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if int(pa.__version__.partition(".")[0]) < 15:  # which would unpickle it: CVE-2023-47248
        importlib.import_module("pyarrow_hotfix")  # Beam requires it, and imports it, too
    try:
        return pq.ParquetFile(stream, **options)
    except pa.ArrowException:
        raise
    except RuntimeError as error:
        raise ValueError("the type of a column is pickled code, which is never loaded") from error


@contextlib.contextmanager
def _open_seekable(stored: StoredFile, file: CorpusFile) -> Iterator[IO[bytes]]:
    """Open a file for reading in any order; an object is copied, so that it is read once."""
    if not storage.is_remote(file.path):
        with storage.open_input(file.path) as stream:
            yield stream
        return
    with TemporaryFolder("download") as folder, Path(folder, "a.parquet").open("w+b") as copy:
        with explaining_full_disk(file.path):
            copy.writelines(stored.chunks())
        copy.seek(0)
        yield copy


def _check_columns(table: Any, path: str, settings: TextSettings) -> None:
    from pyarrow import types

    schema = table.schema_arrow
    check_fields(list(schema.names), path, settings)
    kind = schema.field(settings.text_field).type
    content = kind.value_type if types.is_dictionary(kind) else kind
    is_text = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    if not any(check(content) for check in is_text):
        raise CorpusError(
            f"{path}: the column {settings.text_field!r} is {escape_path(str(kind))[:80]}, not "
            f"text. Set text.text_field to a column of strings, or write such a column."
        )


def _check_sizes(table: Any, stored: StoredFile, columns: list[str]) -> None:
    """Refuse a file whose columns expand too much, before they are decompressed."""
    metadata = table.metadata
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            if column.path_in_schema.partition(".")[0] in columns:
                stored.check_ratio(column.total_uncompressed_size, column.total_compressed_size)


def _rows(batch: Any, settings: TextSettings) -> Iterator[dict[str, Any]]:
    """Yield the values of each row; text stays bytes, because it may not be UTF-8."""
    import pyarrow as pa

    columns = {}
    for name in batch.schema.names:
        column = batch.column(batch.schema.get_field_index(name))
        if name == settings.text_field:
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            is_large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(
                column.type
            )
            column = column.cast(pa.large_binary() if is_large else pa.binary())
        columns[name] = column
    for row in range(batch.num_rows):
        yield {name: column[row] for name, column in columns.items()}


def _read_row(values: dict[str, Any], where: str, settings: TextSettings) -> Record | BadRecord:
    try:
        plain = {name: value.as_py() for name, value in values.items()}
        text = plain[settings.text_field]
        if isinstance(text, bytes):
            if len(text) > record_bytes(settings):
                raise BadRecord(
                    f"longer than {record_bytes(settings):,} bytes",
                    where,
                    counter="long_line",
                    remedy="raise text.max_document_bytes, ",
                )
            plain[settings.text_field] = text.decode()
        return make_record(plain, where, settings)
    except UnicodeDecodeError as error:
        return BadRecord(
            f"byte 0x{error.object[error.start]:02x} is not UTF-8 ({error.reason})",
            where,
            counter="bad_encoding",
        )
    except BadRecord as bad:
        return bad
