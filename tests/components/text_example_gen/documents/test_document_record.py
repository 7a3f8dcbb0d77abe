"""Records equal those that TensorFlow writes, and splits those that TFX chooses."""

import tensorflow as tf

from components.text_example_gen.documents import (
    decode_sentences,
    encode_bytes_feature,
    encode_document,
)
from components.text_example_gen.splits import choose_split, count_split_buckets, split_bucket
from tests.real_text import ENGLISH, KOREAN

NAME = "0123456789abcdef" * 2


def bytes_feature(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def test_the_record_equals_the_one_tensorflow_writes() -> None:
    for sentences in [*KOREAN, *ENGLISH, ["x" * 200_000]]:
        features = {
            "source": bytes_feature([b"corpus/a.txt"]),
            "document_id": bytes_feature([NAME.encode()]),
            "sentences": bytes_feature([s.encode() for s in sentences]),
        }
        example = tf.train.Example(features=tf.train.Features(feature=features))
        record = encode_document(NAME, sentences, "corpus/a.txt")
        assert record == example.SerializeToString(deterministic=True)
        assert decode_sentences(record) == sentences


def test_sentences_are_decoded_for_any_order_of_features() -> None:
    features = {name: bytes_feature([b"a", b"b"]) for name in ("zzz", "sentences", "another")}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    assert decode_sentences(example.SerializeToString()) == ["a", "b"]


def test_the_split_equals_the_one_tfx_chooses() -> None:
    from tfx.components.example_gen import base_example_gen_executor
    from tfx.proto import example_gen_pb2

    assert encode_bytes_feature([b"a"]) == bytes_feature([b"a"]).SerializeToString()
    config = example_gen_pb2.SplitConfig(partition_feature_name="document_id")
    train, held_out = count_split_buckets(0.3)
    assert (train, held_out) == (7000, 3000)
    for number in range(200):
        name = f"{number:032x}"
        feature = {"document_id": bytes_feature([name.encode()])}
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        theirs = base_example_gen_executor._PartitionFn(
            example, 2, [train, train + held_out], config
        )
        assert choose_split(split_bucket(name), 0.3) == theirs
