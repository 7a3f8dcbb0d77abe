"""The records that other systems read: which features, under which names, of which type.

| layout | features beside ids, mask and segments | read by |
| --- | --- | --- |
| bert | masks, next_sentence_labels | google-research/bert |
| model_garden | the same, ids and segments by other names | tensorflow/models' pre-training |
| albert | the same, and token_boundary | google-research/albert |
| electra | none: it masks while it trains | google-research/electra |
| origin | label; the mask is float | the write-up that Textmill began with |

A label keeps its number: 1 is a random second segment, or a swapped one.
"""

from dataclasses import dataclass

import numpy as np

from components.example_bytes import Column, encode_examples
from components.instance_gen.assembling import Batch
from components.instance_gen.encoding import Frames
from components.instance_gen.masking import Masked


@dataclass(frozen=True)
class Layout:
    """Names of features; None where a record has no such feature."""

    ids: str = "input_ids"
    mask: str | None = "input_mask"  # None: a record is as long as its tokens
    segments: str = "segment_ids"
    boundary: str | None = None  # 1 where a word begins
    label: str | None = "next_sentence_labels"
    is_masked: bool = True  # has masked_lm_positions, masked_lm_ids and masked_lm_weights
    mask_is_float: bool = False
    shard_name: str = "instances-{number:05d}-of-{total:05d}.tfrecord"


LAYOUTS = {
    "bert": Layout(),
    "model_garden": Layout(ids="input_word_ids", segments="input_type_ids"),
    "albert": Layout(boundary="token_boundary"),
    "electra": Layout(
        label=None, is_masked=False, shard_name="pretrain_data.tfrecord-{number}-of-{total}"
    ),
    "origin": Layout(mask="attention_mask", label="label", is_masked=False, mask_is_float=True),
}


def own_layout(form: str, pair: str | None) -> Layout:
    """The layout of our own instances.

    Args:
        form: static or dynamic.
        pair: "next_sentence" or "sentence_order", None without pairs.
    """
    if form == "static":
        return Layout(label=f"{pair or 'next_sentence'}_labels")
    label = f"{pair}_labels" if pair else None
    return Layout(mask=None, boundary="word_starts", label=label, is_masked=False)


def encode_batch(batch: Batch, masked: Masked | None, layout: Layout) -> Frames:
    """Framed records, padded to L.

    Args:
        batch: n instances before masking.
        masked: the same, masked; needed where the layout is masked.
        layout: the names.
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


def describe(layout: Layout, seq_length: int, max_predictions: int) -> dict[str, str]:
    """Each feature's type and shape in words, for the manifest."""
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
