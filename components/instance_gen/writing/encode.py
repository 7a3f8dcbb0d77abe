"""Encode batches as framed records, masked (static) or unmasked (dynamic)."""

from components.example_bytes import Column, encode_examples
from components.instance_gen.masking import MaskedBatch, mask_batch
from components.instance_gen.pairing.assemble import UnmaskedBatch, ordinary_ids
from components.instance_gen.pairing.objective import LABEL_COUNTERS, LABELS, NO_LABEL
from components.instance_gen.writing.counters import InstanceCounter
from components.instance_gen.writing.plan import ShardContext
from core.draw import draw
from core.vocabulary.vocabulary import Vocabulary

Frames = tuple[bytes, int]  # concatenated TFRecord frames, and their number


def count_and_encode(
    batch: UnmaskedBatch,
    masked: MaskedBatch | None,
    context: ShardContext,
    vocabulary: Vocabulary,
    counter: InstanceCounter,
    key: tuple[str | int, ...],
) -> Frames:
    """Count and encode a batch in the form of the settings.

    Args:
        batch: n instances.
        masked: the same, masked; None: the static form masks them here.
        context: what all shards share.
        vocabulary: of the instances.
        counter: counts the batch.
        key: of the random draws.
    """
    objective = context.settings.objective
    counter.add_batch(batch, vocabulary.unk_id, LABEL_COUNTERS.get(objective))
    if context.settings.form == "dynamic":
        return _encode(dynamic_features(batch, LABELS.get(objective)), counter)
    masked = masked or mask_batch(
        batch,
        masking=context.masking,
        max_predictions=context.max_predictions,
        mask_id=vocabulary.mask_id,
        random_ids=ordinary_ids(vocabulary),
        rng=draw(context.seed, *key),
    )
    counter.add_masks(batch, masked, vocabulary.mask_id)
    return _encode(static_features(batch, masked, LABELS.get(objective, NO_LABEL)), counter)


def _encode(features: dict[str, Column], counter: InstanceCounter) -> Frames:
    counter.values.add(features)
    return encode_examples(features)


def static_features(batch: UnmaskedBatch, masked: MaskedBatch, label: str) -> dict[str, Column]:
    """Return BERT's seven features with its names and types (create_pretraining_data.py)."""
    return {
        "input_ids": Column(masked.input_ids),
        "input_mask": Column(batch.input_mask),
        "segment_ids": Column(batch.segment_ids),
        "masked_lm_positions": Column(masked.positions),
        "masked_lm_ids": Column(masked.ids),
        "masked_lm_weights": Column(masked.weights),
        label: Column(batch.label[:, None]),
    }


def dynamic_features(batch: UnmaskedBatch, label: str | None) -> dict[str, Column]:
    """Return unmasked, unpadded instances: ids, segments, word starts, and a label if any."""
    features = {
        "input_ids": Column(batch.input_ids, batch.input_mask),
        "segment_ids": Column(batch.segment_ids, batch.input_mask),
        "word_starts": Column(batch.word_starts, batch.input_mask),
    }
    if label is not None:
        features[label] = Column(batch.label[:, None])
    return features
