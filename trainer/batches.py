"""Instances to batches: read, parsed as batches, masked, and shared out to replicas."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from trainer.draw import draw_seed
from trainer.dynamic_masking import MaskVocabulary, mask_tokens, rate_at
from trainer.instances import Instances, InstancesError
from trainer.length_buckets import batches_in_window, sort_window
from trainer.record_order import ordered_records
from trainer.settings import MaskingSettings

Batch = dict[str, tf.Tensor]


def training_batches(
    instances: Instances,
    masking: MaskingSettings,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    steps_before: int = 0,
    length_buckets: Sequence[int] = (),
) -> tf.data.Dataset:
    """The train split's global batches from a step on, for ever.

    Batch s holds the records at positions s * B to (s + 1) * B of the endless order, and its
    masks are drawn from (seed, s). So a step's batch is the same on one replica and on many, in a
    run that was never stopped and in one that was resumed.

    Args:
        instances: the artifact.
        masking: how tokens are chosen and replaced, where the form is dynamic.
        batch_size: B, instances over all replicas.
        seed: the recipe's.
        first_step: updates made so far on these instances.
        steps_before: updates made on others, which the schedule of the masking rate counts too.
        length_buckets: if there are any, a batch's records are of like lengths; it then holds those
            positions of its window (see `length_buckets.py`).

    Returns:
        A dataset of dicts: `input_ids`, `input_mask`, `segment_ids` (B, L) int32;
        `masked_lm_positions`, `masked_lm_ids` (B, N) int32; `masked_lm_weights` (B, N) float32;
        `next_sentence_labels` or `sentence_order_labels` (B,) int32 where there are pairs.
    """
    shards = instances.shards("train")
    window = batches_in_window(batch_size) if length_buckets else 1
    first_window, into_window = divmod(first_step, window)
    records = ordered_records(
        instances.paths("train"),
        [shard.records for shard in shards],
        seed=draw_seed(seed, "order"),
        first=first_window * window * batch_size,
    )
    parse = _make_parse(instances)
    mask = _make_mask(instances, masking, draw_seed(seed, "mask"), steps_before)
    serialised = records.batch(window * batch_size, drop_remainder=True)
    if not length_buckets:
        numbered = serialised.enumerate(start=first_step)
        return _map(numbered, lambda number, records: mask(number, parse(records)))
    sort = functools.partial(sort_window, batches=window, seed=draw_seed(seed, "window's batches"))
    windows = _map(serialised, parse).enumerate(start=first_window)
    batches = _map(windows, lambda number, records: sort(records, number)).unbatch()
    return _map(batches.skip(into_window).enumerate(start=first_step), mask)


def evaluation_batches(
    instances: Instances,
    split: str,
    masking: MaskingSettings,
    *,
    batch_size: int,
    seed: int,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Every instance of a split once, in order; dynamic instances get masks frozen by the seed.

    Args:
        instances: the artifact.
        split: of it.
        masking: as for training, but without the schedule of its rate.
        batch_size: B; the last batch may be smaller.
        seed: of the masks.
        drop_remainder: whether a smaller last batch is left out, so that shapes are static.
    """
    records = tf.data.TFRecordDataset(instances.paths(split), compression_type="GZIP")
    level = masking.model_copy(update={"schedule": None})
    parse = _make_parse(instances)
    mask = _make_mask(instances, level, draw_seed(seed, "evaluation mask"))
    batches = records.batch(batch_size, drop_remainder=drop_remainder).map(parse)
    return batches.enumerate().map(mask).prefetch(tf.data.AUTOTUNE)


def share_out(
    strategy: tf.distribute.Strategy, batches: tf.data.Dataset, batch_size: int
) -> tf.distribute.DistributedDataset:
    """Gives each replica its slice of every global batch, over all workers.

    The batches have no end, and it is said: where one might come, TensorFlow's distributed
    iterators leave the batch's size open, and a TPU wants it fixed.

    Raises:
        InstancesError: the batch cannot be shared out evenly.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise InstancesError(
            f"trainer.global_batch_size {batch_size} is not a multiple of the {replicas} replicas."
            f" Take {batch_size // replicas * replicas or replicas}, for example."
        )

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        each = replicas // context.num_input_pipelines  # replicas on this worker
        mine = slice(context.input_pipeline_id * each, (context.input_pipeline_id + 1) * each)

        def cut(batch: Batch) -> Batch:
            size = batch_size // replicas
            return {
                k: tf.reshape(v, [replicas, size, *v.shape[1:]])[mine] for k, v in batch.items()
            }

        slices = batches if replicas == 1 else batches.map(cut).unbatch()
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return slices.apply(endless).prefetch(2 * each)

    return strategy.distribute_datasets_from_function(of_worker)


def _map(data: tf.data.Dataset, function: Callable[..., Batch]) -> tf.data.Dataset:
    """On several threads, and in order."""
    return data.map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _make_parse(instances: Instances) -> Callable[[tf.Tensor], Batch]:
    """The function that turns serialised records (B,) into a batch, which is masked or not."""
    parse = _parse_static if instances.form == "static" else _parse_dynamic
    return lambda serialised: _check_ids(parse(serialised, instances), instances)


def _make_mask(
    instances: Instances, masking: MaskingSettings, mask_seed: int, steps_before: int = 0
) -> Callable[[tf.Tensor, Batch], Batch]:
    """The function that masks a batch, given its number, where that was not done on disk.

    Masks depend on the number, and a schedule of their rate on the number and `steps_before`.
    """
    if instances.form == "static":
        return lambda _, batch: batch
    vocabulary = instances.vocabulary
    mask_vocabulary = MaskVocabulary(
        mask_id=vocabulary.mask_id, special_ids=vocabulary.special_ids, vocab_size=vocabulary.size
    )

    def mask(number: tf.Tensor, batch: Batch) -> Batch:
        masked = mask_tokens(
            batch["input_ids"],
            batch["input_mask"],
            batch["word_starts"],
            masking=masking,
            max_predictions=instances.max_predictions,
            vocabulary=mask_vocabulary,
            seed=tf.stack([tf.constant(mask_seed, tf.int32), tf.cast(number, tf.int32)]),
            rate=rate_at(masking, number + steps_before),
        )
        rest = {name: values for name, values in batch.items() if name != "word_starts"}
        return {
            **rest,
            "input_ids": masked.input_ids,
            "masked_lm_positions": masked.masked_lm_positions,
            "masked_lm_ids": masked.masked_lm_ids,
            "masked_lm_weights": masked.masked_lm_weights,
        }

    return mask


def _parse_static(serialised: tf.Tensor, instances: Instances) -> Batch:
    """BERT's seven features of a batch (B,) of records."""
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
    parsed = tf.io.parse_example(serialised, features)
    return {k: tf.cast(v, tf.int32) if v.dtype == tf.int64 else v for k, v in parsed.items()}


def _parse_dynamic(serialised: tf.Tensor, instances: Instances) -> Batch:
    """Unpadded ids, segments and word starts of a batch (B,) of records, padded to L."""
    length = instances.seq_length
    names = ("input_ids", "segment_ids", "word_starts")
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
    parsed = tf.io.parse_example(serialised, {**features, **_label_feature(instances.pair)})
    lengths = parsed["input_ids"].row_lengths()
    longest = tf.debugging.assert_less_equal(
        tf.reduce_max(lengths), tf.constant(length, tf.int64), "An instance is longer than L."
    )
    padding = {"input_ids": instances.vocabulary.pad_id}
    batch = {
        name: tf.cast(
            parsed[name].to_tensor(padding.get(name, 0), shape=[serialised.shape[0], length]),
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
    """Fails on a number that stands for nothing: a GPU or TPU would read it as zeros or NaN."""
    limits = {
        "input_ids": (instances.vocabulary.size, "An id is not in the vocabulary."),
        "segment_ids": (instances.segment_types, "A segment is of a type that is not declared."),
        f"{instances.pair}_labels": (instances.sequence_classes, "A label is no declared class."),
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
