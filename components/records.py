"""Write and read gzipped TFRecord shards; equal records give equal bytes, and CRCs are checked."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

import google_crc32c
from isal import igzip, isal_zlib

from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from core.gcs.requests import NotFoundError
from core.manifest import Shard, file_digest

GZIP_LEVEL = 2  # ISA-L's, 0 to 3; files as small as with zlib's level 1, seven times faster
GZIP_WINDOW = 31  # zlib's code for the largest window in gzip format
CRC_MASK_DELTA = 0xA282EAD8  # TFRecord masks its CRCs, because CRCs of CRCs are weak
BLOCK_BYTES = 1 << 18  # per compression call; ISA-L's output depends on it, not on the CPU


class RecordError(InputError):
    """A shard whose bytes are not those that were written."""


def write_records(folder: str, path: str, records: Iterable[bytes]) -> Shard:
    """Write one gzipped TFRecord shard; return its entry for the manifest."""
    return write_frames(folder, path, ((frame_record(record), 1) for record in records))


def write_frames(folder: str, path: str, blocks: Iterable[tuple[bytes, int]]) -> Shard:
    """Write one TFRecord shard from framed records, gzipped if its name ends in `.gz`.

    A block is concatenated frames and their number.

    Returns:
        The shard's entry for the manifest. Equal records give equal bytes, however they are divided
        into blocks: the header has neither name nor time, and blocks are divided again before they
        are compressed.
    """
    digest, size, count = hashlib.sha256(), 0, 0

    def contents() -> Iterator[bytes]:
        nonlocal count
        for content, records in blocks:
            count += records
            yield content

    # Partial files lie outside of the splits, because TFX reads every file of a split.
    with storage.open_output(storage.join(folder, path), partial_folder=folder) as stream:
        for data in _deflate(contents()) if path.endswith(".gz") else contents():
            stream.write(data)
            digest.update(data)
            size += len(data)
            failpoint("write-shard")
    return Shard(path=path, records=count, size_bytes=size, sha256=digest.hexdigest())


def _deflate(contents: Iterable[bytes]) -> Iterator[bytes]:
    deflate = isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)
    rest = bytearray()
    for content in contents:
        rest += content
        whole = len(rest) - len(rest) % BLOCK_BYTES
        for begin in range(0, whole, BLOCK_BYTES):
            yield deflate.compress(rest[begin : begin + BLOCK_BYTES])
        del rest[:whole]
    yield deflate.compress(rest) + deflate.flush()


def read_records(path: str) -> Iterator[bytes]:
    """Read the records of a shard, gzipped if its name ends in `.gz`.

    Raises:
        RecordError: a record is truncated or its CRC differs; the message names shard and record.
    """
    with storage.open_input(path) as raw:
        stream = igzip.IGzipFile(fileobj=raw) if path.endswith(".gz") else raw
        number = 0
        while (record := _read_record(stream, path, number)) is not None:
            yield record
            number += 1


def check_records(path: str, sha256: str) -> None:
    """Compare a shard with its manifest before it is read.

    Raises:
        RecordError: it is missing or was changed; the message names the first bad record, if any.
    """
    try:
        if file_digest(path) == sha256:
            return
    except (FileNotFoundError, NotFoundError) as error:
        raise RecordError(
            f"{path}: the manifest names this shard, but it is missing. Run again."
        ) from error
    records = sum(1 for _ in read_records(path))  # raises for the first damaged record
    raise RecordError(
        f"{path}: its content has changed since it was written (sha256 differs; it has {records:,} "
        f"intact records). Delete the artifact's folder and run again."
    )


def frame_record(record: bytes) -> bytes:
    """Frame a record as TFRecord does: length, its CRC, the record, its CRC."""
    length = len(record).to_bytes(8, "little")
    return b"".join((length, _crc(length), record, _crc(record)))


def mask_crc(crc: Any) -> Any:
    """Return TFRecord's masked form of a CRC32C: an int, or an array of uint64."""
    return (((crc >> 15) | (crc << 17)) + CRC_MASK_DELTA) & 0xFFFFFFFF


def _crc(data: bytes) -> bytes:
    masked: int = mask_crc(google_crc32c.value(data))
    return masked.to_bytes(4, "little")


def _read_record(stream: IO[bytes], path: str, number: int) -> bytes | None:
    cause = None
    try:
        header = stream.read(12)
        if not header:
            return None
        if len(header) == 12 and _crc(header[:8]) == header[8:]:
            length = int.from_bytes(header[:8], "little")
            body = stream.read(length + 4)
            if len(body) == length + 4 and _crc(body[:length]) == body[length:]:
                return body[:length]
    # isal's type stubs declare its exception class as an instance.
    except (EOFError, OSError, isal_zlib.error) as error:  # type: ignore[misc]
        cause = error
    raise RecordError(
        f"{path}: record {number} is truncated or changed (its checksum differs). "
        f"Delete the artifact's folder and run again."
    ) from cause
