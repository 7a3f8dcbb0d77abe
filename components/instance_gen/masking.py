"""Mask a batch of instances once, when they are written: BERT's static masking."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.instance_gen.pairing.assemble import Bool, UnmaskedBatch
from components.instance_gen.tokenizing.ragged import Int32, Int64
from trainer.settings.masking import MaskingSettings

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MaskedBatch:
    """n masked instances: the features that BERT's masking adds.

    Slots are filled from the left with ascending positions. Unused slots are zero.
    """

    input_ids: Int32  # (n, L)
    positions: Int32  # (n, N)
    ids: Int32  # (n, N) original tokens at these positions
    weights: Float32  # (n, N)


def mask_batch(
    batch: UnmaskedBatch,
    *,
    masking: MaskingSettings,
    max_predictions: int,
    mask_id: int,
    random_ids: Int32,
    rng: np.random.Generator,
) -> MaskedBatch:
    """Choose tokens and replace them.

    `max_predictions` is N; none of the `random_ids`, which replacements are drawn from, is special.
    """
    budget = prediction_budget(batch, masking.rate, max_predictions)
    chosen = choose(batch, budget, masking, rng)
    row, position = np.nonzero(chosen)
    slot = np.arange(len(row)) - np.searchsorted(row, row)
    original = batch.input_ids[row, position]
    masked = MaskedBatch(batch.input_ids.copy(), *_empty_slots(len(batch.lengths), max_predictions))
    masked.positions[row, slot] = position
    masked.ids[row, slot] = original
    masked.weights[row, slot] = 1.0
    share = _draw_shares(batch, chosen, masking, rng)
    masked.input_ids[row, position] = replace(original, share, masking, mask_id, random_ids, rng)
    return masked


def prediction_budget(batch: UnmaskedBatch, rate: float, max_predictions: int) -> Int64:
    """Return how many tokens each instance predicts (n,), with BERT's rounding.

    At least one and at most N, but never more than the number of maskable tokens.
    """
    wanted = np.maximum(np.rint(batch.lengths * rate).astype(np.int64), 1)
    return np.minimum(np.minimum(wanted, max_predictions), batch.maskable.sum(axis=1))


def choose(
    batch: UnmaskedBatch, budget: Int64, masking: MaskingSettings, rng: np.random.Generator
) -> Bool:
    """Choose the tokens to predict (n, L), by token, word or n-gram."""
    if masking.unit == "token":
        return choose_tokens(batch.maskable, budget, rng)
    shares = masking.ngram_probabilities()
    return choose_words(batch.maskable, word_numbers(batch), budget, shares, rng)


def word_numbers(batch: UnmaskedBatch) -> Int64:
    """Return the number of each token's word in its row (n, L); a special token is a word."""
    return np.cumsum(batch.word_starts, axis=1) - 1


def replace(
    original: Int32,
    share: Float32,
    masking: MaskingSettings,
    mask_id: int,
    random_ids: Int32,
    rng: np.random.Generator,
) -> Int32:
    """Return the replacements of the chosen tokens: [MASK], a random token, or the token itself.

    `share` (M,) is uniform in [0, 1); tokens with equal numbers get the same kind of replacement.
    """
    drawn = random_ids[rng.integers(0, len(random_ids), len(original))]
    becomes_random = share < masking.mask_share + masking.random_share
    return np.where(
        share < masking.mask_share, mask_id, np.where(becomes_random, drawn, original)
    ).astype(np.int32)


def _draw_shares(
    batch: UnmaskedBatch, chosen: Bool, masking: MaskingSettings, rng: np.random.Generator
) -> Float32:
    """Draw a number for each chosen token, or one for all tokens of a word (M,)."""
    if masking.decide == "piece":
        return rng.random(int(chosen.sum()), dtype=np.float32)
    of_word = rng.random(chosen.shape, dtype=np.float32)
    return np.take_along_axis(of_word, word_numbers(batch), axis=1)[chosen]


def _empty_slots(n: int, slots: int) -> tuple[Int32, Int32, Float32]:
    shape = (n, slots)
    return np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)


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
