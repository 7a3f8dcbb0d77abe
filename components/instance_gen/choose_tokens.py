"""Choose the tokens of a batch to mask: tokens, whole words or runs of words, with NumPy.

`trainer/input/choose_tokens.py` chooses from the same distribution in a TensorFlow graph.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.instance_gen.pairing.assemble import Bool
from components.instance_gen.tokenizing.ragged import Int64

UInt32 = npt.NDArray[np.uint32]
NEVER = np.iinfo(np.uint32).max  # key of tokens that must not be chosen


def choose_tokens(maskable: Bool, budget: Int64, rng: np.random.Generator) -> Bool:
    """Choose exactly `budget` tokens per row; all sets of that size are equally likely.

    Args:
        maskable: (n, L) tokens that may be chosen.
        budget: (n,) tokens to choose, at most the number of maskable ones.
        rng: source of all random draws.

    Returns:
        The chosen tokens (n, L).
    """
    keys = draw_keys(maskable, rng)
    ordered = np.sort(keys, axis=1)
    last = ordered[np.arange(len(keys)), np.maximum(budget, 1) - 1]
    return (keys <= last[:, None]) & (budget > 0)[:, None]


def choose_words(
    maskable: Bool,
    word: Int64,
    budget: Int64,
    ngram_shares: Sequence[float],
    rng: np.random.Generator,
) -> Bool:
    """Choose runs of whole words in random order, until no remaining word fits the budget.

    Every word is visited once, in random order, as the start of a run of a drawn number of words.
    As in ALBERT, the run ends before a word that is taken already, is not maskable or exceeds the
    budget. So it never crosses a [SEP].

    Args:
        maskable: (n, L) tokens that may be chosen.
        word: (n, L) number of each token's word in its row.
        budget: (n,) tokens to choose.
        ngram_shares: probability of a run of 1, 2, … words; [1.0] chooses single words.
        rng: source of all random draws.

    Returns:
        The chosen tokens (n, L). A row has fewer than its budget only if every word that was not
        chosen is longer than the rest of the budget.
    """
    n, length = maskable.shape
    most = len(ngram_shares)
    flat = (np.arange(n)[:, None] * (length + most) + word)[maskable]
    # Words after the last are empty, so that a run may extend past it.
    sizes = np.bincount(flat, minlength=n * (length + most)).reshape(n, length + most)
    order = _random_order(sizes[:, :length] > 0, rng)
    runs = _draw_runs(ngram_shares, order.shape, rng)
    left, taken = budget.copy(), np.zeros(sizes.shape, np.bool_)
    for rank in range(order.shape[1]):
        row = np.flatnonzero(left)  # most rows are full long before the last word
        goes_on = np.ones(len(row), np.bool_)
        for step in range(most):
            at = order[row, rank] + step
            size = sizes[row, at]
            goes_on &= (runs[row, rank] > step) & (size > 0) & (size <= left[row])
            goes_on &= ~taken[row, at]
            taken[row, at] |= goes_on
            left[row] -= size * goes_on
    return np.take_along_axis(taken, word, axis=1) & maskable


def draw_keys(wanted: Bool, rng: np.random.Generator) -> UInt32:
    """Draw random keys that are distinct within a row; `NEVER` for tokens that are not wanted.

    The low bits hold the column, so two keys are never equal. This loses randomness below about
    2^-22.
    """
    n, length = wanted.shape
    bits = _column_bits(length)
    keys = rng.integers(0, NEVER >> bits, (n, length), dtype=np.uint32)
    keys = (keys << np.uint32(bits)) | np.arange(length, dtype=np.uint32)
    return np.where(wanted, keys, np.uint32(NEVER))


def _column_bits(length: int) -> int:
    return max(int(length - 1).bit_length(), 1)


def _random_order(wanted: Bool, rng: np.random.Generator) -> Int64:
    """Return the wanted columns of each row in random order, then others: (n, most words)."""
    most = int(wanted.sum(axis=1).max(initial=0))
    keys = np.sort(draw_keys(wanted, rng), axis=1)[:, :most]
    columns = keys & np.uint32((1 << _column_bits(wanted.shape[1])) - 1)
    return np.where(keys == NEVER, 0, columns).astype(np.int64)


def _draw_runs(
    shares: Sequence[float], shape: tuple[int, ...], rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Draw numbers of words with these probabilities."""
    if len(shares) == 1:
        return np.ones(shape, np.int8)
    bounds = np.cumsum(shares)[:-1]
    return (1 + np.searchsorted(bounds, rng.random(shape), side="right")).astype(np.int8)
