"""Instances to batches: read, parsed as batches, masked, and shared out to replicas."""

import functools
import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from core.draw import draw_seed
from trainer.input.dynamic_masking import MaskVocabulary, mask_tokens, rate_at
from trainer.input.instances import Instances, InstancesError
from trainer.input.length_buckets import batches_in_window, sort_window
from trainer.input.parse_records import Batch, make_parse
from trainer.input.record_order import ordered_records
from trainer.settings.masking import MaskingSettings


def training_batches(
    instances: Instances,
    masking: MaskingSettings,
    *,
    batch_size: int,
    seed: int,
    first_step: int,
    steps_before: int = 0,
    length_buckets: Sequence[int] = (),
    rows: slice | None = None,
) -> tf.data.Dataset:
    """The train split's global batches from a step on, for ever; or some rows of each.

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
        rows: of every batch, those that are wanted; None: all. They are what they are in the whole
            batch. Only these are masked, and, but for length buckets, only these are parsed.

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
    parse = make_parse(instances)
    rows = rows or slice(0, batch_size)
    mask = _make_mask(
        instances,
        masking,
        draw_seed(seed, "mask"),
        slots=instances.max_predictions,
        steps_before=steps_before,
        first_row=rows.start,
        of_rows=batch_size,
    )
    if instances.form == "static":
        mask = _keep_masks
    serialised = records.batch(window * batch_size, drop_remainder=True)
    if not length_buckets:
        numbered = serialised.enumerate(start=first_step)
        return _map(numbered, lambda number, records: mask(number, parse(records[rows])))
    sort = functools.partial(sort_window, batches=window, seed=draw_seed(seed, "window's batches"))
    windows = _map(serialised, parse).enumerate(start=first_window)
    batches = _map(windows, lambda number, records: sort(records, number)).unbatch()
    numbered = batches.skip(into_window).enumerate(start=first_step)
    return _map(numbered, lambda number, batch: mask(number, _cut(batch, rows)))


def evaluation_batches(
    instances: Instances,
    split: str,
    masking: MaskingSettings,
    *,
    batch_size: int,
    seed: int,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Every instance of a split once, in order, with masks that the seed freezes.

    Static instances keep the masks that they were written with, if those are the masks that are
    asked for; otherwise they are undone and drawn anew, so that models compare that were trained
    under other masks.

    Args:
        instances: the artifact.
        split: of it.
        masking: what the model is measured under; a schedule of its rate is not followed.
        batch_size: B; the last batch may be smaller.
        seed: of the masks.
        drop_remainder: whether a smaller last batch is left out, so that shapes are static.
    """
    records = tf.data.TFRecordDataset(instances.paths(split), compression_type="GZIP")
    level = masking.model_copy(update={"schedule": None})
    parse = make_parse(instances)
    batches = records.batch(batch_size, drop_remainder=drop_remainder).map(parse)
    if instances.form == "static":
        if instances.manifest.facts.get("masking") == level.model_dump(mode="json"):
            return batches.prefetch(tf.data.AUTOTUNE)
        batches = batches.map(_unmask)
    # A model that was trained at a lower rate than this has fewer slots.
    slots = max(instances.max_predictions, math.ceil(round(level.rate * instances.seq_length, 6)))
    mask = _make_mask(instances, level, draw_seed(seed, "evaluation mask"), slots=slots)
    return batches.enumerate().map(mask).prefetch(tf.data.AUTOTUNE)


def share_out(
    strategy: tf.distribute.Strategy,
    batches: tf.data.Dataset | Callable[[slice], tf.data.Dataset],
    batch_size: int,
) -> tf.distribute.DistributedDataset:
    """Gives each replica its slice of every global batch, over all workers.

    The batches have no end, and it is said: where one might come, TensorFlow's distributed
    iterators leave the batch's size open, and a TPU wants it fixed.

    Args:
        strategy: of the replicas.
        batches: the global batches, of which every worker keeps its rows; or what makes a worker's
            rows of them, so that each works for itself alone.
        batch_size: instances over all replicas.

    Raises:
        InstancesError: the batch cannot be shared out evenly.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise InstancesError(
            f"trainer.global_batch_size {batch_size} is not a multiple of the {replicas} replicas."
            f" Take {batch_size // replicas * replicas or replicas}, for example."
        )
    size = batch_size // replicas

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        each = replicas // context.num_input_pipelines  # replicas on this worker
        first = context.input_pipeline_id * each * size
        mine = slice(first, first + each * size)
        if callable(batches):
            part = batches(mine)
        else:
            part = batches if replicas == 1 else batches.map(lambda batch: _cut(batch, mine))

        def deal(batch: Batch) -> Batch:
            return {k: tf.reshape(v, [each, size, *v.shape[1:]]) for k, v in batch.items()}

        slices = part if each == 1 else part.map(deal).unbatch()
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return slices.apply(endless).prefetch(2 * each)

    return strategy.distribute_datasets_from_function(of_worker)


def _cut(batch: Batch, rows: slice) -> Batch:
    return {name: values[rows] for name, values in batch.items()}


def _map(data: tf.data.Dataset, function: Callable[..., Batch]) -> tf.data.Dataset:
    """On several threads, and in order."""
    return data.map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _make_mask(
    instances: Instances,
    masking: MaskingSettings,
    mask_seed: int,
    *,
    slots: int,
    steps_before: int = 0,
    first_row: int = 0,
    of_rows: int | None = None,
) -> Callable[[tf.Tensor, Batch], Batch]:
    """The function that masks a batch in N slots, given its number.

    Masks depend on the number and the row's place in the global batch, and a schedule of their rate
    on the number and `steps_before`.
    """
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
            max_predictions=slots,
            vocabulary=mask_vocabulary,
            seed=tf.stack([tf.constant(mask_seed, tf.int32), tf.cast(number, tf.int32)]),
            first_row=first_row,
            of_rows=of_rows,
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


def _keep_masks(_: tf.Tensor, batch: Batch) -> Batch:
    return batch


def _unmask(batch: Batch) -> Batch:
    """A static batch as it was before it was masked; every token is taken for a word."""
    positions, ids = batch["masked_lm_positions"], batch["masked_lm_ids"]
    masked = batch["input_ids"]
    change = ids - tf.gather(masked, positions, batch_dims=1)
    change = tf.where(batch["masked_lm_weights"] > 0, change, 0)  # Unused slots are at position 0.
    rows = tf.broadcast_to(tf.range(tf.shape(positions)[0])[:, None], tf.shape(positions))
    restored = tf.tensor_scatter_nd_add(masked, tf.stack([rows, positions], -1), change)
    return {**batch, "input_ids": restored, "word_starts": tf.ones_like(masked)}
