"""Batches to serialised tf.Examples, through Arrow: no Python object per instance or feature."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tfx_bsl.coders import example_coder

from components.instance_gen.assembling import Batch
from components.instance_gen.corpus import Int64, offsets_of
from components.instance_gen.masking import Masked


def encode_static(batch: Batch, masked: Masked, label: str) -> list[bytes]:
    """BERT's seven features, names and types to the letter (create_pretraining_data.py).

    Args:
        batch: n instances.
        masked: the same, masked.
        label: the name of the label feature.
    """
    return encode_rows(
        {
            "input_ids": masked.input_ids,
            "input_mask": batch.input_mask,
            "segment_ids": batch.segment_ids,
            "masked_lm_positions": masked.positions,
            "masked_lm_ids": masked.ids,
            "masked_lm_weights": masked.weights,
            label: batch.label[:, None],
        }
    )


def encode_dynamic(batch: Batch, label: str | None) -> list[bytes]:
    """Unmasked and unpadded: ids, segments, where words begin, and the label if there is one."""
    offsets = offsets_of(batch.lengths)
    real = batch.input_mask
    columns = {
        "input_ids": (batch.input_ids[real], offsets),
        "segment_ids": (batch.segment_ids[real], offsets),
        "word_starts": (batch.word_starts[real], offsets),
    }
    if label is not None:
        columns[label] = (batch.label, np.arange(len(batch.label) + 1))
    return encode_columns(columns)


def encode_rows(features: Mapping[str, npt.NDArray[Any]]) -> list[bytes]:
    """Encodes matrices (n, width): integers and booleans as int64, floats as float32."""
    return encode_columns(
        {
            name: (matrix.reshape(-1), np.arange(len(matrix) + 1) * matrix.shape[1])
            for name, matrix in features.items()
        }
    )


def encode_columns(columns: Mapping[str, tuple[npt.NDArray[Any], Int64]]) -> list[bytes]:
    """Encodes ragged columns: flat values and offsets (n + 1,) for each feature.

    Every feature is encoded on its own, and the messages are joined, which protobuf defines to
    be the same as one message: the encoder puts the features of a record in an order that
    changes from call to call, and equal instances have to be equal bytes.
    """
    parts = [_encode_column(name, *column) for name, column in columns.items()]
    return [b"".join(features) for features in zip(*parts, strict=True)]


def _encode_column(name: str, values: npt.NDArray[Any], offsets: Int64) -> list[bytes]:
    array = pa.LargeListArray.from_arrays(
        pa.array(np.asarray(offsets, np.int64)), pa.array(_as_feature(values))
    )
    batch = pa.RecordBatch.from_arrays([array], [name])
    records: list[bytes] = example_coder.RecordBatchToExamplesEncoder(None).encode(batch)
    return records


def _as_feature(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.astype(np.float32 if values.dtype.kind == "f" else np.int64, copy=False)
