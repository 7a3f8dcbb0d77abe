"""Encode columns of numbers as framed tf.Examples, for whole batches with NumPy.

The bytes equal protobuf's deterministic serialization (map keys in order), so equal instances have
equal bytes. `tfx_bsl`'s encoder writes the features of a record in random order.

A record is a row of bytes in which every list has the greatest width that the batch needs. A mask
marks the bytes that are present, and these are then collected row by row.

    values 5, 300       bytes 05 AC 02 --       mask 1 1 1 0
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt

from components.protobuf_wire import encode_varint
from components.records import mask_crc

Bool = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]

# Tags of example.proto and feature.proto: (field number << 3) | 2, all length-delimited.
FIELD_1, FIELD_2, FIELD_3 = b"\x0a", b"\x12", b"\x1a"
FLOAT_LIST, INT64_LIST = FIELD_2, FIELD_3
HEADER_BYTES, FOOTER_BYTES = 12, 4  # of a TFRecord frame: length and CRC; CRC of the record


@dataclass(frozen=True)
class Column:
    """One feature of n records."""

    values: npt.NDArray[Any]  # (n, width) integers >= 0, booleans, or float32
    used: Bool | None = None  # (n, width) values that are present; None: all


@dataclass(frozen=True)
class _Piece:
    """The same part of every record, as bytes."""

    content: Bytes  # (n, k), or (1, k) if equal in all records
    present: Bool | None  # (n, k) bytes that are present; None: all
    sizes: Int64  # (n,) number of bytes present


def encode_examples(features: Mapping[str, Column]) -> tuple[bytes, int]:
    """Encode n records; integers and booleans become int64 lists, floats float lists.

    Returns:
        The concatenated TFRecord frames, and n.
    """
    rows = len(next(iter(features.values())).values)
    if not rows:
        return b"", 0
    pieces = [piece for name in sorted(features) for piece in _entry(name, features[name])]
    return _frame(_prepend(FIELD_1, pieces, rows), rows), rows


def _entry(name: str, column: Column) -> list[_Piece]:
    """Encode an entry of Features.feature: `{1: name, 2: Feature{2 or 3: List{1: values}}}`."""
    rows = len(column.values)
    is_float = column.values.dtype.kind == "f"
    packed = [_floats(column) if is_float else _varints(column.values, column.used)]
    values = _prepend(FIELD_1, packed, rows)
    feature = _prepend(FLOAT_LIST if is_float else INT64_LIST, values, rows)
    key = FIELD_1 + bytes([len(name)]) + name.encode()
    return _prepend(FIELD_1, [_constant(key, rows), *_prepend(FIELD_2, feature, rows)], rows)


def _prepend(tag: bytes, pieces: list[_Piece], rows: int) -> list[_Piece]:
    """Add a tag and the length before a message."""
    sizes = sum((piece.sizes for piece in pieces), np.zeros(rows, np.int64))
    if (sizes == sizes[0]).all():
        return [_constant(tag + encode_varint(int(sizes[0])), rows), *pieces]
    return [_constant(tag, rows), _varints(sizes[:, None], None), *pieces]


def _constant(content: bytes, rows: int) -> _Piece:
    same = np.frombuffer(content, np.uint8)[None, :]
    return _Piece(same, None, np.full(rows, len(content), np.int64))


def _floats(column: Column) -> _Piece:
    rows = len(column.values)
    content = np.ascontiguousarray(column.values, "<f4").view(np.uint8).reshape(rows, -1)
    if column.used is None:
        return _Piece(content, None, np.full(rows, content.shape[1], np.int64))
    present = np.repeat(column.used, 4, axis=1)
    return _Piece(content, present, present.sum(axis=1))


def _varints(values: npt.NDArray[Any], used: Bool | None) -> _Piece:
    """Encode varints: groups of 7 bits, low first; the top bit marks that another follows."""
    rows, width = values.shape
    per_row = np.full(rows, width, np.int64) if used is None else used.sum(axis=1)
    largest = int(values.max(initial=0))
    groups = max(-(-largest.bit_length() // 7), 1)
    if groups == 1:
        return _Piece(values.astype(np.uint8), used, per_row)
    flat = values.ravel() if used is None else values[used]
    sizes = np.ones(len(flat), np.uint8)
    for group in range(1, groups):
        sizes += flat >= 1 << (7 * group)
    bounds = np.zeros(len(flat) + 1, np.int64)
    np.cumsum(sizes, out=bounds[1:])
    stream = np.empty(bounds[-1] + groups, np.uint8)
    # Groups that a number lacks lie on lower groups of the next numbers, which are written later.
    for group in reversed(range(groups)):
        rest = flat >> (7 * group)
        goes_on = (rest > 0x7F).view(np.uint8)
        stream[bounds[:-1] + group] = rest.astype(np.uint8) | (goes_on << 7)
    of_row = np.diff(bounds[np.append(0, np.cumsum(per_row))])
    content = np.empty((rows, int(of_row.max())), np.uint8)
    present = np.arange(content.shape[1]) < of_row[:, None]
    content[present] = stream[: bounds[-1]]
    return _Piece(content, present, of_row)


def _frame(pieces: list[_Piece], rows: int) -> bytes:
    """Collect the bytes of each record and put them in a TFRecord frame."""
    sizes = sum((piece.sizes for piece in pieces), np.zeros(rows, np.int64))
    header = _Piece(_headers(sizes), None, np.full(rows, HEADER_BYTES))
    frames = _collect([header, *pieces, _constant(bytes(FOOTER_BYTES), rows)], rows)
    stops = np.cumsum(sizes + HEADER_BYTES + FOOTER_BYTES) - FOOTER_BYTES
    content = frames.tobytes()
    bounds = zip((stops - sizes).tolist(), stops.tolist(), strict=True)
    frames[stops[:, None] + np.arange(FOOTER_BYTES)] = _masked_crcs(content[a:b] for a, b in bounds)
    return frames.tobytes()


def _headers(sizes: Int64) -> Bytes:
    """Return each record's length and the CRC of the length (n, 12)."""
    lengths = sizes.astype("<u8").view(np.uint8).reshape(-1, 8)
    distinct, place = np.unique(sizes, return_inverse=True)
    crcs = _masked_crcs(int(size).to_bytes(8, "little") for size in distinct)
    return np.concatenate([lengths, crcs[place]], axis=1)


def _masked_crcs(contents: Iterable[bytes]) -> Bytes:
    """Return TFRecord's checksum of each content (n, 4)."""
    crcs = np.array([google_crc32c.value(content) for content in contents], np.uint64)
    return mask_crc(crcs).astype("<u4").view(np.uint8).reshape(-1, FOOTER_BYTES)


def _collect(pieces: list[_Piece], rows: int) -> Bytes:
    width = sum(piece.content.shape[1] for piece in pieces)
    content = np.empty((rows, width), np.uint8)
    present = np.ones((rows, width), np.bool_)
    begin = 0
    for piece in pieces:
        end = begin + piece.content.shape[1]
        content[:, begin:end] = piece.content
        if piece.present is not None:
            present[:, begin:end] = piece.present
        begin = end
    return content[present]
