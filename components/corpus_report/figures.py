"""Compute rates, quantiles and bins from counts and histograms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_BARS = 44  # more cannot be distinguished on a phone
CLIPPED = 0.03  # share of the largest values that may be merged into one bar
LABELS_1, LABELS_0 = ("random_next", "swapped"), ("actual_next", "in_order")  # counters of pairs


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Rates of one split's instances; None if the form or objective has no such rate."""

    fill: float | None  # real tokens per position
    unknown: float | None  # [UNK] per real token
    masked: float | None  # predicted tokens per real token
    mask_share: float | None  # share of predicted tokens replaced by [MASK]
    random_share: float | None  # … replaced by a random token
    kept_share: float | None  # … left unchanged
    label_1: float | None  # share of pairs that are random (next sentence) or swapped (order)
    label_0: float | None  # share of the other pairs


def compute_rates(counts: Mapping[str, int], seq_length: int) -> Rates:
    """Return the rates of a split from its counts in the manifest."""
    real, masked = counts.get("real_tokens", 0), counts.get("masked_tokens", 0)
    ones = sum(counts.get(name, 0) for name in LABELS_1)
    zeros = sum(counts.get(name, 0) for name in LABELS_0)
    return Rates(
        fill=ratio(real, counts.get("instances", 0) * seq_length),
        unknown=ratio(counts.get("unknown_tokens", 0), real),
        masked=ratio(masked, real) if masked else None,
        mask_share=ratio(counts.get("mask_replaced", 0), masked),
        random_share=ratio(counts.get("random_replaced", 0), masked),
        kept_share=ratio(counts.get("kept", 0), masked),
        label_1=ratio(ones, ones + zeros),
        label_0=ratio(zeros, ones + zeros),
    )


def ratio(part: int, whole: int) -> float | None:
    """Return part / whole, or None if the whole is 0."""
    return part / whole if whole else None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Summarizes a histogram; its indices are the values."""

    total: int
    mean: float
    median: int
    p95: int
    largest: int
    open_end: bool = False  # the largest value stands for all larger ones too; no exact mean


def summarize(counts: Sequence[int], *, open_end: bool = False) -> Summary | None:
    """Return mean and quantiles of a histogram, or None if it is empty.

    With `open_end`, the last count includes all larger values.
    """
    array = np.asarray(counts, dtype=np.int64)
    total = int(array.sum())
    if not total:
        return None
    return Summary(
        total=total,
        mean=float((np.arange(len(array)) * array).sum() / total),
        median=quantile(array, 0.5),
        p95=quantile(array, 0.95),
        largest=int(np.flatnonzero(array)[-1]),
        open_end=open_end and bool(array[-1]),
    )


def quantile(counts: NDArray[np.int64], q: float) -> int:
    """Return the smallest value that at least the share `q` of the counts does not exceed."""
    running = np.cumsum(counts)
    return int(np.searchsorted(running, q * running[-1]))


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Histograms of several splits over the same equal bins.

    Bin i holds the values from first + i * width to first + (i + 1) * width - 1.
    """

    first: int
    width: int
    shares: dict[str, list[float]]  # of each split: share of its total in each bin
    counts: dict[str, list[int]]  # of each split: count in each bin
    overflow: bool  # whether the last bin includes all larger values


def bin_series(
    series: Mapping[str, Sequence[int]],
    *,
    clip: bool = False,
    first: int = 0,
    open_end: bool = False,
) -> Bins:
    """Merge histograms into at most `MAX_BARS` bins.

    With `clip`, the largest values are merged into the last bin, so that a long tail does not
    compress the rest. With `open_end`, the last count of a histogram includes all larger values.
    """
    length = max((len(counts) for counts in series.values()), default=1)
    end = max(first + 1, _clipped_end(series, length) if clip else length)
    width = max(1, math.ceil((end - first) / MAX_BARS))
    number = math.ceil((end - first) / width)
    binned = {name: _bin(counts, first, width, number) for name, counts in series.items()}
    return Bins(
        first=first,
        width=width,
        counts=binned,
        shares={
            name: [count / max(1, sum(counts)) for count in counts]
            for name, counts in binned.items()
        },
        overflow=end < length or open_end,
    )


def _clipped_end(series: Mapping[str, Sequence[int]], length: int) -> int:
    total = np.zeros(length, dtype=np.int64)
    for counts in series.values():
        total[: len(counts)] += np.asarray(counts, dtype=np.int64)
    if not total.any():
        return length
    largest = int(np.flatnonzero(total)[-1])
    tail = quantile(total, 1 - CLIPPED)
    return min(length, largest + 1 if largest <= 1.5 * tail else tail + 1)


def _bin(counts: Sequence[int], first: int, width: int, number: int) -> list[int]:
    binned = [0] * number
    for value, count in enumerate(counts):
        if value >= first:
            binned[min((value - first) // width, number - 1)] += int(count)
    return binned


def coverage(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of all tokens covered by the 1, 2, … V most frequent pieces: (V,)."""
    ordered = np.sort(counts)[::-1].astype(np.float64)
    total = ordered.sum()
    return np.cumsum(ordered) / total if total else np.zeros(len(ordered))


def most_frequent(
    tokens: Sequence[str], counts: NDArray[np.int64], number: int
) -> list[tuple[str, int]]:
    """Return pieces with their counts, most frequent first; equal ones in order of their ids."""
    order = np.argsort(-counts, kind="stable")[:number]
    return [(tokens[index], int(counts[index])) for index in order if counts[index] > 0]
