"""Mask a batch of instances once, when they are written: BERT's static masking."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.instance_gen.choose_tokens import choose_tokens, choose_words
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
    row, position = divmod(np.flatnonzero(chosen), chosen.shape[1])
    per_row = chosen.sum(axis=1)
    slot = np.arange(len(row)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
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
