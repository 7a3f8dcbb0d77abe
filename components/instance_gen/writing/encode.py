"""Encode batches as framed records, masked (static) or unmasked (dynamic)."""

from components.example_bytes import Column, encode_examples
from components.instance_gen.masking import MaskedBatch
from components.instance_gen.pairing.assemble import UnmaskedBatch

Frames = tuple[bytes, int]  # concatenated TFRecord frames, and their number


def encode_static(batch: UnmaskedBatch, masked: MaskedBatch, label: str) -> Frames:
    """Encode BERT's seven features with its names and types (create_pretraining_data.py)."""
    return encode_examples(
        {
            "input_ids": Column(masked.input_ids),
            "input_mask": Column(batch.input_mask),
            "segment_ids": Column(batch.segment_ids),
            "masked_lm_positions": Column(masked.positions),
            "masked_lm_ids": Column(masked.ids),
            "masked_lm_weights": Column(masked.weights),
            label: Column(batch.label[:, None]),
        }
    )


def encode_dynamic(batch: UnmaskedBatch, label: str | None) -> Frames:
    """Encode unmasked, unpadded instances: ids, segments, word starts, and a label if any."""
    features = {
        "input_ids": Column(batch.input_ids, batch.input_mask),
        "segment_ids": Column(batch.segment_ids, batch.input_mask),
        "word_starts": Column(batch.word_starts, batch.input_mask),
    }
    if label is not None:
        features[label] = Column(batch.label[:, None])
    return encode_examples(features)
