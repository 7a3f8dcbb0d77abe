"""Read records of any layout as batches, unmasked and masked."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tfx_bsl.coders import example_coder

from components.instance_export.record_layout import RecordLayout
from components.instance_gen.masking import MaskedBatch
from components.instance_gen.pairing.assemble import UnmaskedBatch, find_words, special_table
from components.instance_gen.tokenizing.ragged import Int32
from components.records import read_records
from core.errors import InputError
from core.vocabulary.vocabulary import Vocabulary

RECORDS_PER_BATCH = 2048  # about 10 MB at L = 128


class LayoutError(InputError):
    """Records that do not match the given layout or vocabulary."""


def read_batches(
    path: str,
    layout: RecordLayout,
    vocabulary: Vocabulary,
    seq_length: int,
    *,
    classes: int = 2,
    segment_types: int = 2,
) -> Iterator[tuple[UnmaskedBatch, MaskedBatch | None]]:
    """Read a file of records, gzipped if its name ends in `.gz`.

    The vocabulary tells where words begin if the records do not. Records without padding are padded
    to L.

    Returns:
        Batches with the original tokens at masked positions and, if the layout is masked, the
        masks.

    Raises:
        LayoutError: a feature is missing or has another length, an id is not in the vocabulary, or
            a label or segment id is out of range.
    """
    records = read_records(path)
    number = 0
    while block := list(itertools.islice(records, RECORDS_PER_BATCH)):
        try:
            batch, masked = _read_block(block, layout, vocabulary, seq_length)
            _check_range(batch.label, classes, "label", "sequence_classes")
            _check_range(batch.segment_ids, segment_types, "segment id", "segment_types")
            yield batch, masked
        except LayoutError as error:
            last = number + len(block) - 1
            raise LayoutError(f"{path}: records {number:,} to {last:,}: {error}") from error
        number += len(block)


def _read_block(
    records: list[bytes], layout: RecordLayout, vocabulary: Vocabulary, seq_length: int
) -> tuple[UnmaskedBatch, MaskedBatch | None]:
    table = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records)
    ids, mask = _read_tokens(table, layout, vocabulary, seq_length)
    segments = _padded(table, layout.segments, seq_length)
    label = np.zeros(len(records), np.int64)
    if layout.label is not None:
        label = _padded(table, layout.label, 1)[:, 0].astype(np.int64)
    masked = _read_masks(table, ids, seq_length) if layout.is_masked else None
    if masked is not None:
        ids = _restore_tokens(masked)
    if ids.min(initial=0) < 0 or ids.max(initial=0) >= vocabulary.size:
        raise LayoutError(
            f"ids range from {ids.min()} to {ids.max()}, and the vocabulary has {vocabulary.size} "
            f"entries. Name the vocabulary that the records were made with."
        )
    starts = _word_starts(table, layout, ids, mask, vocabulary)
    batch = UnmaskedBatch(
        input_ids=ids,
        input_mask=mask,
        segment_ids=np.where(mask, segments, 0),
        word_starts=starts,
        maskable=~special_table(vocabulary)[ids] & mask,
        lengths=mask.sum(axis=1),
        label=label,
    )
    return batch, masked


def _check_range(values: npt.NDArray[Any], limit: int, name: str, setting: str) -> None:
    if values.min(initial=0) < 0 or values.max(initial=0) >= limit:
        raise LayoutError(
            f"a {name} is {values.min() if values.min() < 0 else values.max()}, and "
            f"instances.{setting} is {limit}. Set it to the number of different values."
        )


def _read_tokens(
    table: pa.RecordBatch, layout: RecordLayout, vocabulary: Vocabulary, seq_length: int
) -> tuple[Int32, npt.NDArray[np.bool_]]:
    """Return ids (n, L), and which of them are real tokens (n, L)."""
    if layout.mask is not None:
        mask = _padded(table, layout.mask, seq_length) > 0
        if (mask[:, 1:] & ~mask[:, :-1]).any():
            raise LayoutError(
                f"{layout.mask} has a real token after padding. Write the records again."
            )
    else:
        lengths = _column(table, layout.ids).value_lengths().to_numpy()
        mask = np.arange(seq_length) < lengths[:, None]
    ids = _padded(table, layout.ids, seq_length, vocabulary.pad_id).astype(np.int32)
    return ids, mask


def _read_masks(table: pa.RecordBatch, ids: Int32, seq_length: int) -> MaskedBatch:
    names = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
    slots = int(_column(table, names[0]).value_lengths().to_numpy().max(initial=0))
    positions, originals, weights = (_padded(table, name, slots) for name in names)
    if positions.min(initial=0) < 0 or positions.max(initial=0) >= seq_length:
        raise LayoutError(
            f"masked_lm_positions exceed the {seq_length} tokens. Write the records again."
        )
    return MaskedBatch(
        ids, positions.astype(np.int32), originals.astype(np.int32), weights.astype(np.float32)
    )


def _restore_tokens(masked: MaskedBatch) -> Int32:
    """Return the tokens before masking (n, L)."""
    ids = masked.input_ids.copy()
    row, slot = np.nonzero(masked.weights > 0)
    ids[row, masked.positions[row, slot]] = masked.ids[row, slot]
    return ids


def _word_starts(
    table: pa.RecordBatch,
    layout: RecordLayout,
    ids: Int32,
    mask: npt.NDArray[np.bool_],
    vocabulary: Vocabulary,
) -> npt.NDArray[np.bool_]:
    """Return where words begin (n, L); special tokens, the tokens after them and padding do."""
    if layout.boundary is not None:
        return (_padded(table, layout.boundary, ids.shape[1]) > 0) | ~mask
    starts = find_words(ids, vocabulary)
    starts[:, 0] = True
    starts[:, 1:] |= np.isin(ids[:, :-1], (vocabulary.cls_id, vocabulary.sep_id))
    return starts | ~mask


def _column(table: pa.RecordBatch, name: str) -> pa.Array:
    index = table.schema.get_field_index(name)
    if index < 0:
        raise LayoutError(
            f"there is no feature {name!r}, but {', '.join(sorted(table.schema.names))}. Name the "
            f"layout that the records were written in."
        )
    return table.column(index)


def _padded(table: pa.RecordBatch, name: str, width: int, padding: int = 0) -> npt.NDArray[Any]:
    """Return the values of a feature (n, width), with shorter records padded."""
    column = _column(table, name)
    lengths = column.value_lengths().fill_null(0).to_numpy()
    if lengths.max(initial=0) > width or not lengths.min(initial=1):
        raise LayoutError(
            f"{name} has {lengths.min()} to {lengths.max()} values, and the maximum is {width}. "
            f"Set the length that the records were made with."
        )
    values = column.flatten().to_numpy()
    out = np.full((len(column), width), padding, values.dtype)
    out[np.arange(width) < lengths[:, None]] = values
    return out
