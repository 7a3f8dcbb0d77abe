"""Define the record layouts of other systems: names, types and shapes of features.

| layout | features in addition to ids, mask and segments | read by |
| --- | --- | --- |
| bert | masks, next_sentence_labels | google-research/bert |
| model_garden | the same, with other names for ids and segments | tensorflow/models' pre-training |
| albert | the same, plus token_boundary | google-research/albert |
| electra | none: it masks during training | google-research/electra |
| origin | label; the mask is float | the article that Textmill is based on |

Labels keep their numbers: 1 is a random second segment, or swapped segments.
"""

from dataclasses import dataclass

import numpy as np

from components.example_bytes import Column, encode_examples
from components.instance_gen.masking import MaskedBatch
from components.instance_gen.pairing.assemble import UnmaskedBatch
from components.instance_gen.writing.encode import Frames


@dataclass(frozen=True)
class RecordLayout:
    """Names of features; None if records have no such feature."""

    ids: str = "input_ids"
    mask: str | None = "input_mask"  # None: records are not padded
    segments: str = "segment_ids"
    boundary: str | None = None  # 1 at the first token of a word
    label: str | None = "next_sentence_labels"
    is_masked: bool = True  # has masked_lm_positions, masked_lm_ids and masked_lm_weights
    mask_is_float: bool = False
    shard_name: str = "instances-{number:05d}-of-{total:05d}.tfrecord"


LAYOUTS = {
    "bert": RecordLayout(),
    "model_garden": RecordLayout(ids="input_word_ids", segments="input_type_ids"),
    "albert": RecordLayout(boundary="token_boundary"),
    "electra": RecordLayout(
        label=None, is_masked=False, shard_name="pretrain_data.tfrecord-{number}-of-{total}"
    ),
    "origin": RecordLayout(
        mask="attention_mask", label="label", is_masked=False, mask_is_float=True
    ),
}


def own_layout(form: str, pair: str | None) -> RecordLayout:
    """Return the layout of our own instances.

    `pair` is "next_sentence" or "sentence_order", or None if there are no pairs.
    """
    if form == "static":
        return RecordLayout(label=f"{pair or 'next_sentence'}_labels")
    label = f"{pair}_labels" if pair else None
    return RecordLayout(mask=None, boundary="word_starts", label=label, is_masked=False)


def encode_batch(batch: UnmaskedBatch, masked: MaskedBatch | None, layout: RecordLayout) -> Frames:
    """Encode a batch as framed records, padded to L.

    A masked layout needs the same instances masked.
    """
    ids = masked.input_ids if layout.is_masked and masked is not None else batch.input_ids
    features = {layout.ids: Column(ids), layout.segments: Column(batch.segment_ids)}
    if layout.mask is not None:
        kind = np.float32 if layout.mask_is_float else np.bool_
        features[layout.mask] = Column(batch.input_mask.astype(kind))
    if layout.boundary is not None:
        features[layout.boundary] = Column(batch.word_starts & batch.input_mask)
    if layout.label is not None:
        features[layout.label] = Column(batch.label[:, None])
    if layout.is_masked and masked is not None:
        features["masked_lm_positions"] = Column(masked.positions)
        features["masked_lm_ids"] = Column(masked.ids)
        features["masked_lm_weights"] = Column(masked.weights)
    return encode_examples(features)


def describe_features(
    layout: RecordLayout, seq_length: int, max_predictions: int
) -> dict[str, str]:
    """Return the type and shape of each feature, such as "int64[128]", for the manifest."""
    tokens = f"int64[{seq_length}]"
    features = {layout.ids: tokens, layout.segments: tokens}
    if layout.mask is not None:
        features[layout.mask] = f"float32[{seq_length}]" if layout.mask_is_float else tokens
    if layout.boundary is not None:
        features[layout.boundary] = tokens
    if layout.label is not None:
        features[layout.label] = "int64[1]"
    if layout.is_masked:
        features["masked_lm_positions"] = features["masked_lm_ids"] = f"int64[{max_predictions}]"
        features["masked_lm_weights"] = f"float32[{max_predictions}]"
    return dict(sorted(features.items()))
