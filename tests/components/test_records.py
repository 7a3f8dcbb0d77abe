"""Shards have the bytes of gzipped TFRecords, the same for equal records, and damage is named."""

import gzip
import hashlib
from pathlib import Path

import pytest

from components.records import (
    BLOCK_BYTES,
    RecordError,
    check_records,
    frame_record,
    read_records,
    write_frames,
    write_records,
)

RECORDS = [b"", b"one", b"two" * 1000, bytes(range(256)) * 2000]


def test_a_frame_is_that_of_tfrecord() -> None:
    """Length, its masked CRC32C, the record, its masked CRC32C; by hand for b"123456789"."""
    # CRC32C's check value is 0xE3069283; rotated right by 15 bits, plus the constant.
    masked = (((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    frame = frame_record(b"123456789")
    assert frame[:8] == (9).to_bytes(8, "little")
    assert frame[12:21] == b"123456789"
    assert frame[21:] == masked.to_bytes(4, "little")
    assert len(frame) == 25


@pytest.mark.parametrize("name", ["a.tfrecord.gz", "a.tfrecord"])
def test_records_are_written_and_read_back(tmp_path: Path, name: str) -> None:
    shard = write_records(str(tmp_path), f"split/{name}", iter(RECORDS))
    content = (tmp_path / "split" / name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert (shard.path, shard.records) == (f"split/{name}", len(RECORDS))
    assert (shard.size_bytes, shard.sha256) == (len(content), digest)
    plain = gzip.decompress(content) if name.endswith(".gz") else content
    assert plain == b"".join(map(frame_record, RECORDS))
    assert list(read_records(str(tmp_path / "split" / name))) == RECORDS
    check_records(str(tmp_path / "split" / name), digest)


def test_a_shard_without_records_is_valid_gzip(tmp_path: Path) -> None:
    shard = write_records(str(tmp_path), "a.gz", [])
    assert shard.records == 0
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b""
    assert list(read_records(str(tmp_path / "a.gz"))) == []


def test_the_division_into_blocks_changes_no_byte(tmp_path: Path) -> None:
    frames = [frame_record(bytes([n % 251]) * 1000) for n in range(600)]
    assert sum(map(len, frames)) > 2 * BLOCK_BYTES
    whole = write_frames(str(tmp_path), "a.gz", [(b"".join(frames), 600)])
    single = write_frames(str(tmp_path), "b.gz", ((frame, 1) for frame in frames))
    assert whole.records == single.records == 600
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_the_header_has_neither_name_nor_time(tmp_path: Path) -> None:
    write_records(str(tmp_path), "a.gz", RECORDS)
    assert (tmp_path / "a.gz").read_bytes()[:10] == b"\x1f\x8b\x08" + bytes(6) + b"\xff"


def test_a_partial_file_lies_outside_of_the_split(tmp_path: Path) -> None:
    def records() -> object:
        yield b"one"
        assert not list((tmp_path / "split").glob("*"))
        assert len(list(tmp_path.glob(".*.partial"))) == 1

    write_records(str(tmp_path), "split/a.gz", records())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "number"), [(0, 0), (9, 0), (16, 1), (28, 1), (29, 1), (32, 1), (50, 2), (-1, 3)]
)
def test_a_flipped_bit_is_named_with_its_record(tmp_path: Path, at: int, number: int) -> None:
    write_records(str(tmp_path), "a", RECORDS)
    content = bytearray((tmp_path / "a").read_bytes())
    content[at] ^= 1
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(RecordError) as refused:
        list(read_records(str(tmp_path / "a")))
    assert str(refused.value) == (
        f"{tmp_path}/a: record {number} is truncated or changed (its checksum differs). Delete the "
        f"artifact's folder and run again."
    )


@pytest.mark.parametrize("size", [1, 11, 12, 15, 17, 30])
def test_a_file_that_was_cut_is_named_with_its_record(tmp_path: Path, size: int) -> None:
    write_records(str(tmp_path), "a", RECORDS)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:size])
    read = []
    with pytest.raises(RecordError, match=rf"record {int(size > 16)} is truncated"):
        read.extend(read_records(str(tmp_path / "a")))


def test_gzip_that_was_cut_or_is_none_is_named(tmp_path: Path) -> None:
    write_records(str(tmp_path), "a.gz", RECORDS)
    content = (tmp_path / "a.gz").read_bytes()
    for damaged in (content[:-20], b"no gzip at all"):
        (tmp_path / "a.gz").write_bytes(damaged)
        with pytest.raises(RecordError, match=r"a\.gz: record \d is truncated"):
            list(read_records(str(tmp_path / "a.gz")))


def test_another_content_is_reported_with_its_number_of_records(tmp_path: Path) -> None:
    write_records(str(tmp_path), "a.gz", [b"x"] * 1234)
    path = str(tmp_path / "a.gz")
    with pytest.raises(RecordError) as refused:
        check_records(path, "0" * 64)
    assert str(refused.value) == (
        f"{path}: its content has changed since it was written (sha256 differs; it has 1,234 "
        f"intact records). Delete the artifact's folder and run again."
    )
    with pytest.raises(RecordError) as missing:
        check_records(f"{path}-2", "0" * 64)
    assert str(missing.value) == (
        f"{path}-2: the manifest names this shard, but it is missing. Run again."
    )
