"""Batches to framed records, static or dynamic: which features there are, and their names."""

from components.example_bytes import Column, encode_examples
from components.instance_gen.assembling import Batch
from components.instance_gen.masking import Masked

Frames = tuple[bytes, int]  # TFRecord frames, one after the other, and how many


def encode_static(batch: Batch, masked: Masked, label: str) -> Frames:
    """BERT's seven features, names and types to the letter (create_pretraining_data.py).

    Args:
        batch: n instances.
        masked: the same, masked.
        label: the name of the label feature.
    """
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


def encode_dynamic(batch: Batch, label: str | None) -> Frames:
    """Unmasked and unpadded: ids, segments, where words begin, and the label if there is one."""
    features = {
        "input_ids": Column(batch.input_ids, batch.input_mask),
        "segment_ids": Column(batch.segment_ids, batch.input_mask),
        "word_starts": Column(batch.word_starts, batch.input_mask),
    }
    if label is not None:
        features[label] = Column(batch.label[:, None])
    return encode_examples(features)
