"""Read instances as batches and mask them."""

import functools
import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from core.draw import draw_seed
from trainer.input.dynamic_masking import MaskVocabulary, mask_tokens, put_tokens, rate_at
from trainer.input.instances import Instances
from trainer.input.length_buckets import batches_in_window, sort_window
from trainer.input.parse_records import Batch, make_parse
from trainer.input.record_order import ordered_records
from trainer.input.sources import add_source_ids
from trainer.row_draws import RowDraws
from trainer.settings.masking import MaskingSettings


@tf.autograph.experimental.do_not_convert
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
    """Return the endless global batches of the train split from a step on, or some rows of each.

    Batch s holds the records at positions s * B to (s + 1) * B of the endless record order, and its
    masks are drawn from (seed, s). The batch of a step is therefore the same on one replica and on
    many, in an uninterrupted run and in a resumed one.

    Args:
        instances: the instances.
        masking: how tokens are chosen and replaced; used for the dynamic form.
        batch_size: B, instances over all replicas.
        seed: the seed from the recipe.
        first_step: updates made so far on these instances.
        steps_before: updates made on other instances; a schedule of the masking rate counts them.
        length_buckets: if not empty, the records of a batch have similar lengths, and a batch holds
            records from anywhere in its window (see `length_buckets.py`).
        rows: the rows of every batch to return; None: all. A row is the same as in the whole batch.
            Only these rows are masked and, without length buckets, parsed.

    Returns:
        A dataset of dicts: `input_ids`, `input_mask`, `segment_ids` (B, L) int32;
        `masked_lm_positions`, `masked_lm_ids` (B, N) int32; `masked_lm_weights` (B, N) float32; and
        for pairs `next_sentence_labels` or `sentence_order_labels` (B,) int32.
    """
    shards = instances.shards("train")
    window = batches_in_window(batch_size) if length_buckets else 1
    first_window, skipped_batches = divmod(first_step, window)
    records = ordered_records(
        instances.paths("train"),
        [shard.records for shard in shards],
        seed=draw_seed(seed, "order"),
        first=first_window * window * batch_size,
        copy=instances.train_copy,
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
        total_rows=batch_size,
    )
    if instances.form == "static":
        mask = _keep_masks
    serialized = records.batch(window * batch_size, drop_remainder=True)
    if not length_buckets:
        numbered = serialized.enumerate(start=first_step)
        return _map(numbered, lambda number, records: mask(number, parse(records[rows])))
    sort = functools.partial(sort_window, batches=window, seed=draw_seed(seed, "window's batches"))
    windows = _map(serialized, parse).enumerate(start=first_window)
    batches = _map(windows, lambda number, records: sort(records, number)).unbatch()
    numbered = batches.skip(skipped_batches).enumerate(start=first_step)
    return _map(numbered, lambda number, batch: mask(number, take_rows(batch, rows)))


@tf.autograph.experimental.do_not_convert
def evaluation_batches(
    instances: Instances,
    split: str,
    masking: MaskingSettings,
    *,
    batch_size: int,
    seed: int,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Return every instance of a split once, in order, with fixed masks.

    Masks that are drawn depend on the seed, the batch size and the masking settings only.

    Static instances keep their masks if these were made with the same settings. Otherwise the masks
    are replaced, so that models trained with different masks can be compared.

    A schedule of the masking rate is ignored. The last batch may be smaller, unless it is left out
    (`drop_remainder`), so that shapes are static.

    If the text has several sources, a batch also has `source_ids` (B,) int32.
    """
    batches = _evaluation_batches(instances, split, masking, batch_size, seed, drop_remainder)
    if instances.sources(split):
        batches = add_source_ids(
            batches, instances, split, batch_size=batch_size, drop_remainder=drop_remainder
        )
    return batches.prefetch(tf.data.AUTOTUNE)


def _evaluation_batches(
    instances: Instances,
    split: str,
    masking: MaskingSettings,
    batch_size: int,
    seed: int,
    drop_remainder: bool,
) -> tf.data.Dataset:
    records = tf.data.TFRecordDataset(instances.paths(split), compression_type="GZIP")
    masking = masking.model_copy(update={"schedule": None})
    batches = records.batch(batch_size, drop_remainder=drop_remainder).map(make_parse(instances))
    if instances.form == "static":
        if instances.manifest.facts.get("masking") == masking.model_dump(mode="json"):
            return batches
        batches = batches.map(_unmask)
    # Instances made for a lower rate have fewer slots than this rate needs.
    slots = max(instances.max_predictions, math.ceil(round(masking.rate * instances.seq_length, 6)))
    mask = _make_mask(instances, masking, draw_seed(seed, "evaluation mask"), slots=slots)
    return batches.enumerate().map(mask)


def take_rows(batch: Batch, rows: slice) -> Batch:
    """Return some rows of a batch."""
    return {name: values[rows] for name, values in batch.items()}


def _map(data: tf.data.Dataset, function: Callable[..., Batch]) -> tf.data.Dataset:
    """Map on several threads, keeping the order."""
    return data.map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _make_mask(
    instances: Instances,
    masking: MaskingSettings,
    mask_seed: int,
    *,
    slots: int,
    steps_before: int = 0,
    first_row: int = 0,
    total_rows: int | None = None,
) -> Callable[[tf.Tensor, Batch], Batch]:
    """Return a function that masks the batch of a given number in N slots.

    The masks depend on the number and on the rows' places in the global batch. A schedule of the
    masking rate depends on the number and on `steps_before`.
    """
    vocabulary = instances.vocabulary
    mask_vocabulary = MaskVocabulary(
        mask_id=vocabulary.mask_id, special_ids=vocabulary.special_ids, vocab_size=vocabulary.size
    )

    def mask(number: tf.Tensor, batch: Batch) -> Batch:
        seed = tf.stack([tf.constant(mask_seed, tf.int32), tf.cast(number, tf.int32)])
        masked = mask_tokens(
            batch["input_ids"],
            batch["input_mask"],
            batch["word_starts"],
            masking=masking,
            max_predictions=slots,
            vocabulary=mask_vocabulary,
            draws=RowDraws(seed, first_row, total_rows),
            rate=rate_at(masking, number + steps_before),
        )
        rest = {name: values for name, values in batch.items() if name != "word_starts"}
        return {**rest, **masked._asdict()}

    return mask


def _keep_masks(_: tf.Tensor, batch: Batch) -> Batch:
    return batch


def _unmask(batch: Batch) -> Batch:
    """Undo the masks of a static batch. Every token counts as a word."""
    input_ids = put_tokens(
        batch["input_ids"],
        batch["masked_lm_positions"],
        batch["masked_lm_ids"],
        batch["masked_lm_weights"] > 0,
    )
    return {**batch, "input_ids": input_ids, "word_starts": tf.ones_like(input_ids)}
