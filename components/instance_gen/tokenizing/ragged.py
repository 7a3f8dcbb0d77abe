"""Ragged arrays: rows of different lengths in one flat array, with the offset of each row."""

from typing import Any

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


def compute_offsets(lengths: Int64) -> Int64:
    """Convert row lengths (n,) to offsets (n + 1,)."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def gather_rows(flat: Int32, offsets: Int64, rows: npt.NDArray[Any]) -> tuple[Int32, Int64]:
    """Gather rows of a ragged array.

    Args:
        flat: (T,) values.
        offsets: (R + 1,) where each row begins in `flat`.
        rows: (n,) numbers of the rows to gather.

    Returns:
        The values of the gathered rows, and their offsets (n + 1,).
    """
    lengths = np.diff(offsets)[rows]
    gathered = compute_offsets(lengths)
    index = np.repeat(offsets[rows] - gathered[:-1], lengths) + np.arange(gathered[-1])
    return flat[index], gathered
