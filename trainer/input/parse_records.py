"""Parse serialized records of either form as batches, and check their ids."""

from collections.abc import Callable

import tensorflow as tf

from trainer.input.instances import Instances

Batch = dict[str, tf.Tensor]


def make_parse(instances: Instances) -> Callable[[tf.Tensor], Batch]:
    """Return a function from serialized records (B,) to a batch, which is masked if static."""
    parse = _parse_static if instances.form == "static" else _parse_dynamic
    return lambda serialized: _check_ids(parse(serialized, instances), instances)


def _parse_static(serialized: tf.Tensor, instances: Instances) -> Batch:
    """Parse records (B,) with BERT's seven features."""
    length, slots = instances.seq_length, instances.max_predictions
    features = {
        "input_ids": tf.io.FixedLenFeature([length], tf.int64),
        "input_mask": tf.io.FixedLenFeature([length], tf.int64),
        "segment_ids": tf.io.FixedLenFeature([length], tf.int64),
        "masked_lm_positions": tf.io.FixedLenFeature([slots], tf.int64),
        "masked_lm_ids": tf.io.FixedLenFeature([slots], tf.int64),
        "masked_lm_weights": tf.io.FixedLenFeature([slots], tf.float32),
        **_label_feature(instances.pair),
    }
    parsed = tf.io.parse_example(serialized, features)
    return {k: tf.cast(v, tf.int32) if v.dtype == tf.int64 else v for k, v in parsed.items()}


def _parse_dynamic(serialized: tf.Tensor, instances: Instances) -> Batch:
    """Parse records (B,) with unpadded ids, segments and word starts, and pad them to L."""
    length = instances.seq_length
    names = ("input_ids", "segment_ids", "word_starts")
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
    parsed = tf.io.parse_example(serialized, {**features, **_label_feature(instances.pair)})
    lengths = parsed["input_ids"].row_lengths()
    longest = tf.debugging.assert_less_equal(
        tf.reduce_max(lengths), tf.constant(length, tf.int64), "An instance is longer than L."
    )
    padding = {"input_ids": instances.vocabulary.pad_id}
    batch = {
        name: tf.cast(
            parsed[name].to_tensor(padding.get(name, 0), shape=[serialized.shape[0], length]),
            tf.int32,
        )
        for name in names
    }
    with tf.control_dependencies([longest]):
        batch["input_mask"] = tf.sequence_mask(lengths, length, tf.int32)
    labels = {name: tf.cast(parsed[name], tf.int32) for name in _label_feature(instances.pair)}
    return {**batch, **labels}


def _label_feature(pair: str | None) -> dict[str, tf.io.FixedLenFeature]:
    return {f"{pair}_labels": tf.io.FixedLenFeature([], tf.int64)} if pair else {}


def _check_ids(batch: Batch, instances: Instances) -> Batch:
    """Fail on an id without meaning, for which a GPU or TPU would silently read zeros or NaN."""
    limits = {
        "input_ids": (instances.vocabulary.size, "An id is not in the vocabulary."),
        "segment_ids": (instances.segment_types, "A segment id is not below segment_types."),
        f"{instances.pair}_labels": (
            instances.sequence_classes,
            "A label is not below sequence_classes.",
        ),
    }
    checks = [
        check
        for name, (limit, message) in limits.items()
        if name in batch
        for check in (
            tf.debugging.assert_less(batch[name], limit, message),
            tf.debugging.assert_non_negative(batch[name], message),
        )
    ]
    with tf.control_dependencies(checks):
        return {**batch, "input_ids": tf.identity(batch["input_ids"])}
