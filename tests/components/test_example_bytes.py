"""Records encoded with NumPy have the same bytes as protobuf's."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.example_bytes import Column, encode_examples
from components.records import (
    BLOCK_BYTES,
    RecordError,
    frame_record,
    read_records,
    write_frames,
    write_records,
)


def serialize(rows: list[dict[str, list[int] | list[float]]]) -> list[bytes]:
    """Encode records with protobuf's deterministic serialization."""
    return [
        tf.train.Example(
            features=tf.train.Features(feature={k: feature_of(v) for k, v in row.items()})
        ).SerializeToString(deterministic=True)
        for row in rows
    ]


def feature_of(values: list[int] | list[float]) -> tf.train.Feature:
    if values and isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def read_back(frames: bytes, folder: Path) -> list[bytes]:
    (folder / "records.tfrecord").write_bytes(frames)
    return list(read_records(str(folder / "records.tfrecord")))


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(1, 70),
    rows=st.integers(1, 5),
    largest=st.sampled_from([1, 127, 128, 16_383, 16_384, 250_000, 2**31 - 1]),
    seed=st.integers(0, 2**31),
)
def test_bytes_are_protobufs_own(
    width: int, rows: int, largest: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, largest, (rows, width), endpoint=True)
    flags = rng.random((rows, width)) < 0.5
    weights = rng.random((rows, width), dtype=np.float32)
    used = np.arange(width)[None, :] < rng.integers(1, width + 1, rows)[:, None]
    frames, number = encode_examples(
        {
            "ids": Column(ids),
            "weights": Column(weights),
            "flags": Column(flags, used),
            "some_ids": Column(ids, used),
            "some_weights": Column(weights, used),
        }
    )
    assert number == rows
    expected = serialize(
        [
            {
                "ids": ids[n].tolist(),
                "weights": weights[n].tolist(),
                "flags": flags[n][used[n]].astype(int).tolist(),
                "some_ids": ids[n][used[n]].tolist(),
                "some_weights": weights[n][used[n]].tolist(),
            }
            for n in range(rows)
        ]
    )
    assert read_back(frames, tmp_path_factory.mktemp("records")) == expected


def test_tensorflow_reads_the_shard(tmp_path: Path) -> None:
    ids = np.arange(600).reshape(6, 100)
    frames = encode_examples({"ids": Column(ids)})
    shard = write_frames(str(tmp_path), "a.tfrecord.gz", [frames, frames])
    records = tf.data.TFRecordDataset(str(tmp_path / "a.tfrecord.gz"), compression_type="GZIP")
    parsed = tf.io.parse_example(
        list(records.as_numpy_iterator()), {"ids": tf.io.FixedLenFeature([100], tf.int64)}
    )
    assert shard.records == 12
    assert np.array_equal(parsed["ids"].numpy(), np.concatenate([ids, ids]))


def test_blocks_do_not_change_the_bytes(tmp_path: Path) -> None:
    records = [bytes([n % 251]) * (n % 900) for n in range(2000)]
    one_by_one = write_records(str(tmp_path), "a.tfrecord.gz", records)
    frames = b"".join(map(frame_record, records))
    assert len(frames) > 3 * BLOCK_BYTES
    at_once = write_frames(str(tmp_path), "b.tfrecord.gz", [(frames, len(records))])
    halves = [(frames[:99_999], 1), (frames[99_999:], len(records) - 1)]
    in_two = write_frames(str(tmp_path), "c.tfrecord.gz", halves)
    assert one_by_one.sha256 == at_once.sha256 == in_two.sha256
    assert list(read_records(str(tmp_path / "a.tfrecord.gz"))) == records


def test_an_empty_shard_has_no_record(tmp_path: Path) -> None:
    assert write_records(str(tmp_path), "a.tfrecord.gz", []).records == 0
    assert list(read_records(str(tmp_path / "a.tfrecord.gz"))) == []


@pytest.mark.parametrize("place", [0, 5, 9, 14, 200])
def test_an_altered_byte_is_found(tmp_path: Path, place: int) -> None:
    content = bytearray(encode_examples({"ids": Column(np.arange(90).reshape(1, 90))})[0] * 3)
    content[place] ^= 1
    with pytest.raises(RecordError, match=r"records.tfrecord: record \d is truncated or changed"):
        read_back(bytes(content), tmp_path)


def test_a_truncated_shard_names_the_record(tmp_path: Path) -> None:
    content = encode_examples({"ids": Column(np.arange(90).reshape(1, 90))})[0] * 3
    with pytest.raises(RecordError, match="record 2 is truncated"):
        read_back(content[:-5], tmp_path)
    write_frames(str(tmp_path), "a.tfrecord.gz", [(content, 3)])
    whole = (tmp_path / "a.tfrecord.gz").read_bytes()
    (tmp_path / "b.tfrecord.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordError, match=r"b.tfrecord.gz: record \d"):
        list(read_records(str(tmp_path / "b.tfrecord.gz")))
