"""Serialised records to gzipped TFRecord shards and back: checked CRCs, equal bytes for equals."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import IO

import google_crc32c
from isal import igzip, isal_zlib

from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from core.manifest import Shard, file_digest

GZIP_LEVEL = 2  # ISA-L's, of 0 to 3: as small as zlib's 1 in a seventh of the time
GZIP_WINDOW = 31  # zlib's way to say: the greatest window, in gzip's format
CRC_MASK_DELTA = 0xA282EAD8  # TFRecord's: a CRC of bytes that hold CRCs would be a weak one
BLOCK_BYTES = 1 << 18  # compressed at once; ISA-L's bytes depend on it, but not on the processor


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
    return write_frames(folder, path, ((frame_record(record), 1) for record in records))


def write_frames(folder: str, path: str, blocks: Iterable[tuple[bytes, int]]) -> Shard:
    """Writes one gzipped TFRecord shard of records that are framed already.

    Args:
        folder: the artifact's folder.
        path: the shard's path in it.
        blocks: frames, one after the other, and how many they are.

    Returns:
        The shard's entry for the manifest. Equal records give equal bytes, however they are cut
        into blocks: the header has neither name nor time, and what is compressed at once is cut
        anew.
    """
    with storage.open_output(storage.join(folder, path)) as stream:
        hashing = _HashingStream(stream)
        deflate = isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)
        count, rest = 0, bytearray()
        for content, records in blocks:
            count += records
            rest += content
            whole = len(rest) - len(rest) % BLOCK_BYTES
            for begin in range(0, whole, BLOCK_BYTES):
                hashing.write(deflate.compress(rest[begin : begin + BLOCK_BYTES]))
                failpoint("write-shard")
            del rest[:whole]
        hashing.write(deflate.compress(rest) + deflate.flush())
        failpoint("write-shard")
    return Shard(path=path, records=count, size_bytes=hashing.size, sha256=hashing.hexdigest())


def read_records(path: str) -> Iterator[bytes]:
    """Reads the records of a shard, gzipped if its name ends in `.gz`.

    Raises:
        RecordError: a record is cut short or its CRC differs; the message names shard and record.
    """
    with storage.open_input(path) as raw:
        stream = igzip.IGzipFile(fileobj=raw) if path.endswith(".gz") else raw
        number = 0
        while (record := _read_record(stream, path, number)) is not None:
            yield record
            number += 1


def check_records(path: str, sha256: str) -> None:
    """Compares a shard with what its manifest says, before it is read.

    Raises:
        RecordError: it is gone or altered; the message names the first bad record if one is bad.
    """
    if not storage.exists(path):
        raise RecordError(f"{path}: the manifest names this shard and it is gone. Run again.")
    if file_digest(path) == sha256:
        return
    records = sum(1 for _ in read_records(path))  # tells of the first that is damaged
    raise RecordError(
        f"{path}: its content is not what was written (sha256 differs; it has {records:,} good "
        f"records). Delete the artifact's folder and run again to write it anew."
    )


def frame_record(record: bytes) -> bytes:
    """TFRecord's frame: length, its masked CRC32C, the record, its masked CRC32C."""
    length = struct.pack("<Q", len(record))
    return b"".join(
        (length, _crc_bytes(length), record, _crc_bytes(record)),
    )


def _crc_bytes(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + CRC_MASK_DELTA) & 0xFFFFFFFF)


def _read_record(stream: IO[bytes], path: str, number: int) -> bytes | None:
    try:
        header = stream.read(12)
        if not header:
            return None
        if len(header) == 12 and _crc_bytes(header[:8]) == header[8:]:
            (length,) = struct.unpack("<Q", header[:8])
            body = stream.read(length + 4)
            if len(body) == length + 4 and _crc_bytes(body[:length]) == body[length:]:
                return body[:length]
    # isal's stubs call the class of its errors one of its errors.
    except (EOFError, OSError, isal_zlib.error) as error:  # type: ignore[misc]
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

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
