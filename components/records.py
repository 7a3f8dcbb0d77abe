"""Serialised records to gzipped TFRecord shards and back: checked CRCs, the same bytes every time."""

import gzip
import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

import google_crc32c

from trainer import storage
from trainer.errors import InputError
from trainer.manifest import Shard

GZIP_LEVEL = 1  # token ids compress well at once; a higher level costs more than the disk it saves


class RecordError(InputError):
    """A shard whose bytes are not what was written."""


def write_records(folder: str, path: str, records: Iterable[bytes]) -> Shard:
    """Writes one gzipped TFRecord shard.

    Args:
        folder: the artifact's folder.
        path: the shard's path in it.
        records: serialised records.

    Returns:
        The shard's entry for the manifest.
    """
    count = 0
    with storage.open_output(storage.join(folder, path)) as stream:
        hashing = _HashingStream(stream)
        # No name and no time in gzip's header: equal records give equal bytes.
        with gzip.GzipFile(
            filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=hashing, mtime=0
        ) as out:
            for record in records:
                out.write(frame_record(record))
                count += 1
    return Shard(path=path, records=count, size_bytes=hashing.size, sha256=hashing.hexdigest())


def read_records(path: str) -> Iterator[bytes]:
    """Reads the records of a shard, gzipped if its name ends in `.gz`.

    Raises:
        RecordError: a record is cut short or its CRC differs; the message names shard and record.
    """
    with storage.open_input(path) as raw:
        stream = gzip.GzipFile(fileobj=raw) if path.endswith(".gz") else raw
        number = 0
        while (record := _read_record(stream, path, number)) is not None:
            yield record
            number += 1


def frame_record(record: bytes) -> bytes:
    """TFRecord's frame: length, its masked CRC32C, the record, its masked CRC32C."""
    length = struct.pack("<Q", len(record))
    return b"".join(
        (length, _masked_crc(length), record, _masked_crc(record)),
    )


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _read_record(stream: IO[bytes] | gzip.GzipFile, path: str, number: int) -> bytes | None:
    try:
        header = stream.read(12)
        if not header:
            return None
        if len(header) == 12 and _masked_crc(header[:8]) == header[8:]:
            (length,) = struct.unpack("<Q", header[:8])
            body = stream.read(length + 4)
            if len(body) == length + 4 and _masked_crc(body[:length]) == body[length:]:
                return body[:length]
    except (EOFError, OSError, zlib.error) as error:
        raise RecordError(_damaged(path, number)) from error
    raise RecordError(_damaged(path, number))


def _damaged(path: str, number: int) -> str:
    return (
        f"{path}: record {number} is cut short or altered (its checksum differs). "
        f"Delete the artifact's folder and run again to write it anew."
    )


class _HashingStream:
    """Passes bytes on and keeps their digest and number."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self.size += len(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
