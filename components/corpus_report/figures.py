"""Counts and histograms to the figures that a person asks for: rates, quantiles, bins."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_BARS = 44  # more cannot be told apart on a phone
CLIPPED = 0.03  # share of the largest values that may be gathered in one bar


LABELS_1, LABELS_0 = ("random_next", "swapped"), ("actual_next", "in_order")  # counters of pairs


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Shares of one split's instances; None where the form or objective has no such thing."""

    fill: float | None  # real tokens per position
    unknown: float | None  # [UNK] per real token
    masked: float | None  # predicted tokens per real token
    mask_share: float | None  # of the predicted: [MASK] stands there
    random_share: float | None  # a random token stands there
    kept_share: float | None  # the token itself stands there
    label_1: float | None  # of the pairs: from elsewhere (next sentence), or swapped (order)
    label_0: float | None  # of the pairs: the others


def rates_of(counts: Mapping[str, int], seq_length: int) -> Rates:
    """The rates of a split, from its counts in the manifest."""
    real, masked = counts.get("real_tokens", 0), counts.get("masked_tokens", 0)
    ones = sum(counts.get(name, 0) for name in LABELS_1)
    zeros = sum(counts.get(name, 0) for name in LABELS_0)
    return Rates(
        fill=share(real, counts.get("instances", 0) * seq_length),
        unknown=share(counts.get("unknown_tokens", 0), real),
        masked=share(masked, real) if masked else None,
        mask_share=share(counts.get("mask_replaced", 0), masked),
        random_share=share(counts.get("random_replaced", 0), masked),
        kept_share=share(counts.get("kept", 0), masked),
        label_1=share(ones, ones + zeros),
        label_0=share(zeros, ones + zeros),
    )


def share(part: int, whole: int) -> float | None:
    """What share of the whole the part is; None of nothing."""
    return part / whole if whole else None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A histogram in five figures; values are the histogram's indices."""

    total: int  # how many were counted
    mean: float
    median: int
    p95: int
    largest: int
    open_end: bool = False  # the largest value stands for itself and all beyond, so is no mean


def summarise(counts: Sequence[int], *, open_end: bool = False) -> Summary | None:
    """Mean and quantiles of a histogram; None if it is empty.

    Args:
        counts: by value.
        open_end: whether the last count is of all larger values too.
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
    """The smallest value that at least the share `q` of the histogram does not exceed."""
    running = np.cumsum(counts)
    return int(np.searchsorted(running, q * running[-1]))


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Histograms of several splits over the same equal bins.

    Bin i holds the values first + i * width up to, not including, first + (i + 1) * width.
    """

    first: int
    width: int
    shares: dict[str, list[float]]  # split to the share of its total, in each bin
    counts: dict[str, list[int]]
    overflow: bool  # the last bin holds all larger values too


def bin_series(
    series: Mapping[str, Sequence[int]],
    *,
    clip: bool = False,
    first: int = 0,
    open_end: bool = False,
) -> Bins:
    """Puts histograms into at most `MOST_BARS` bins.

    Args:
        series: split to counts by value.
        clip: whether to gather the largest values in the last bin, so that a long tail does not
            squeeze the rest.
        first: the first value shown.
        open_end: whether the histograms' last counts are of all larger values too.
    """
    length = max((len(counts) for counts in series.values()), default=1)
    end = max(first + 1, _clipped_end(series, length) if clip else length)
    width = max(1, math.ceil((end - first) / MOST_BARS))
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
    """(V,) float: the share of all tokens that the 1, 2, … V most frequent pieces make up."""
    ordered = np.sort(counts)[::-1].astype(np.float64)
    total = ordered.sum()
    return np.cumsum(ordered) / total if total else np.zeros(len(ordered))


def most_frequent(
    tokens: Sequence[str], counts: NDArray[np.int64], number: int
) -> list[tuple[str, int]]:
    """Pieces with their occurrences, most frequent first; equal ones in the order of their ids."""
    order = np.argsort(-counts, kind="stable")[:number]
    return [(tokens[index], int(counts[index])) for index in order if counts[index] > 0]
