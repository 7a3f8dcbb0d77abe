"""Unmasked inputs to masked ones, for good: BERT's static masking over whole batches."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.instance_gen.assembling import Batch, Bool
from components.instance_gen.tokenizing import Int32, Int64
from trainer.settings import MaskingSettings

Float32 = npt.NDArray[np.float32]
UInt32 = npt.NDArray[np.uint32]
NEVER = np.iinfo(np.uint32).max  # the key of what must not be chosen


@dataclass(frozen=True)
class Masked:
    """n masked instances: BERT's features that masking makes.

    Slots are filled from the left with ascending positions; an unused slot is all zero.
    """

    input_ids: Int32  # (n, L)
    positions: Int32  # (n, N)
    ids: Int32  # (n, N) what stood there
    weights: Float32  # (n, N)


def mask_batch(
    batch: Batch,
    *,
    masking: MaskingSettings,
    max_predictions: int,
    mask_id: int,
    random_ids: Int32,
    rng: np.random.Generator,
) -> Masked:
    """Chooses tokens and replaces them.

    Args:
        batch: n instances; it is left as it is.
        masking: rate, unit and shares.
        max_predictions: N, slots per instance.
        mask_id: the id of [MASK].
        random_ids: the ids that a random replacement is drawn from; none is special.
        rng: all randomness.
    """
    budget = prediction_budget(batch, masking.rate, max_predictions)
    if masking.unit == "token":
        chosen = choose_tokens(batch.maskable, budget, rng)
    else:
        chosen = choose_words(batch.maskable, batch.word_starts, budget, rng)
    row, position = np.nonzero(chosen)
    slot = np.arange(len(row)) - np.searchsorted(row, row)
    original = batch.input_ids[row, position]
    masked = Masked(batch.input_ids.copy(), *_empty_slots(len(batch.lengths), max_predictions))
    masked.positions[row, slot] = position
    masked.ids[row, slot] = original
    masked.weights[row, slot] = 1.0
    masked.input_ids[row, position] = replace(original, masking, mask_id, random_ids, rng)
    return masked


def prediction_budget(batch: Batch, rate: float, max_predictions: int) -> Int64:
    """(n,) how many tokens each instance predicts: BERT's rounding, over its real tokens.

    At least one, at most N, and never more than there are tokens that may be masked.
    """
    wanted = np.maximum(np.rint(batch.lengths * rate).astype(np.int64), 1)
    return np.minimum(np.minimum(wanted, max_predictions), batch.maskable.sum(axis=1))


def choose_tokens(maskable: Bool, budget: Int64, rng: np.random.Generator) -> Bool:
    """Chooses exactly `budget` tokens a row, each set of that size with equal chance.

    Args:
        maskable: (n, L) what may be chosen.
        budget: (n,) how many, at most as many as may be chosen.
        rng: all randomness.

    Returns:
        (n, L) what was chosen.
    """
    keys = draw_keys(maskable, rng)
    ordered = np.sort(keys, axis=1)
    last = ordered[np.arange(len(keys)), np.maximum(budget, 1) - 1]
    return (keys <= last[:, None]) & (budget > 0)[:, None]


def choose_words(
    maskable: Bool, word_starts: Bool, budget: Int64, rng: np.random.Generator
) -> Bool:
    """Chooses whole words in random order while they fit, until no word is left that would fit.

    Args:
        maskable: (n, L) what may be chosen.
        word_starts: (n, L) where a word begins; specials are words of their own.
        budget: (n,) tokens to choose.
        rng: all randomness.

    Returns:
        (n, L) what was chosen; a row has fewer tokens than its budget only if every word that
        was not chosen is longer than what is left.
    """
    n, length = maskable.shape
    rows = np.arange(n)
    word = np.cumsum(word_starts, axis=1) - 1  # (n, L) which word a token is part of
    sizes = np.zeros((n, length), np.int64)
    row, position = np.nonzero(maskable)
    np.add.at(sizes, (row, word[row, position]), 1)
    order = np.argsort(draw_keys(sizes > 0, rng), axis=1)
    left = budget.copy()
    chosen = np.zeros((n, length), np.bool_)
    for rank in range(length):
        candidate = order[:, rank]
        size = sizes[rows, candidate]
        if not (left.any() and size.any()):
            break
        fits = (size > 0) & (size <= left)
        chosen[rows, candidate] = fits
        left -= np.where(fits, size, 0)
    return np.take_along_axis(chosen, word, axis=1) & maskable


def draw_keys(wanted: Bool, rng: np.random.Generator) -> UInt32:
    """Random keys, all different within a row; `NEVER` where nothing may be chosen.

    The column stands in the low bits, so that two keys are never equal; what is lost is
    randomness beyond 2^-22 or so.
    """
    n, length = wanted.shape
    bits = max(int(length - 1).bit_length(), 1)
    keys = rng.integers(0, NEVER >> bits, (n, length), dtype=np.uint32)
    keys = (keys << np.uint32(bits)) | np.arange(length, dtype=np.uint32)
    return np.where(wanted, keys, np.uint32(NEVER))


def replace(
    original: Int32,
    masking: MaskingSettings,
    mask_id: int,
    random_ids: Int32,
    rng: np.random.Generator,
) -> Int32:
    """What stands in the place of the chosen tokens: [MASK], a random token, or the same."""
    share = rng.random(len(original), dtype=np.float32)
    drawn = random_ids[rng.integers(0, len(random_ids), len(original))]
    becomes_random = share < masking.mask_share + masking.random_share
    return np.where(
        share < masking.mask_share, mask_id, np.where(becomes_random, drawn, original)
    ).astype(np.int32)


def _empty_slots(n: int, slots: int) -> tuple[Int32, Int32, Float32]:
    shape = (n, slots)
    return np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
