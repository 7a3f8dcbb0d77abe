"""Unmasked inputs to masked ones, for good: BERT's static masking over whole batches."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.instance_gen.assembling import Batch, Bool
from components.instance_gen.choosing import choose_tokens, choose_words
from components.instance_gen.tokenizing import Int32, Int64
from trainer.settings.masking import MaskingSettings

Float32 = npt.NDArray[np.float32]


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
    chosen = choose(batch, budget, masking, rng)
    row, position = np.nonzero(chosen)
    slot = np.arange(len(row)) - np.searchsorted(row, row)
    original = batch.input_ids[row, position]
    masked = Masked(batch.input_ids.copy(), *_empty_slots(len(batch.lengths), max_predictions))
    masked.positions[row, slot] = position
    masked.ids[row, slot] = original
    masked.weights[row, slot] = 1.0
    share = _draw_shares(batch, chosen, masking, rng)
    masked.input_ids[row, position] = replace(original, share, masking, mask_id, random_ids, rng)
    return masked


def prediction_budget(batch: Batch, rate: float, max_predictions: int) -> Int64:
    """(n,) how many tokens each instance predicts: BERT's rounding, over its real tokens.

    At least one, at most N, and never more than there are tokens that may be masked.
    """
    wanted = np.maximum(np.rint(batch.lengths * rate).astype(np.int64), 1)
    return np.minimum(np.minimum(wanted, max_predictions), batch.maskable.sum(axis=1))


def choose(batch: Batch, budget: Int64, masking: MaskingSettings, rng: np.random.Generator) -> Bool:
    """(n, L) the tokens to predict, by the unit that the settings name."""
    if masking.unit == "token":
        return choose_tokens(batch.maskable, budget, rng)
    shares = masking.ngram_probabilities()
    return choose_words(batch.maskable, word_numbers(batch), budget, shares, rng)


def word_numbers(batch: Batch) -> Int64:
    """(n, L) which word of its row a token is part of; specials are words of their own."""
    return np.cumsum(batch.word_starts, axis=1) - 1


def replace(
    original: Int32,
    share: Float32,
    masking: MaskingSettings,
    mask_id: int,
    random_ids: Int32,
    rng: np.random.Generator,
) -> Int32:
    """What stands in the place of the chosen tokens: [MASK], a random token, or the same.

    Args:
        original: (M,) the chosen tokens.
        share: (M,) uniform in [0, 1); tokens with the same number have the same fate.
        masking: the shares.
        mask_id: the id of [MASK].
        random_ids: the ids that a random replacement is drawn from.
        rng: of the random tokens.
    """
    drawn = random_ids[rng.integers(0, len(random_ids), len(original))]
    becomes_random = share < masking.mask_share + masking.random_share
    return np.where(
        share < masking.mask_share, mask_id, np.where(becomes_random, drawn, original)
    ).astype(np.int32)


def _draw_shares(
    batch: Batch, chosen: Bool, masking: MaskingSettings, rng: np.random.Generator
) -> Float32:
    """(M,) a number for each chosen token, or one for all tokens of a word."""
    if masking.decide == "piece":
        return rng.random(int(chosen.sum()), dtype=np.float32)
    of_word = rng.random(chosen.shape, dtype=np.float32)
    return np.take_along_axis(of_word, word_numbers(batch), axis=1)[chosen]


def _empty_slots(n: int, slots: int) -> tuple[Int32, Int32, Float32]:
    shape = (n, slots)
    return np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
