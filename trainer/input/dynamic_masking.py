"""Unmasked inputs to masked ones, in the graph: new masks at every step from the same records.

The distribution is that of `components/instance_gen/masking.py`. All shapes are static, all
numbers come from the seed alone, and the function compiles under XLA to the same result.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from trainer.input.mask_choice import (
    RESOLUTION,
    MaskDraws,
    choose_tokens,
    choose_words,
    random_keys,
    word_numbers,
)
from trainer.settings.masking import MaskingSettings


class MaskVocabulary(NamedTuple):
    """What masking has to know of a vocabulary."""

    mask_id: int
    special_ids: tuple[int, ...]  # never masked, never drawn
    vocab_size: int  # V


class Masked(NamedTuple):
    """A masked batch; slots are filled from the left, an unused slot is 0 in all three."""

    input_ids: tf.Tensor  # (B, L) int32
    masked_lm_positions: tf.Tensor  # (B, N) int32, ascending
    masked_lm_ids: tf.Tensor  # (B, N) int32, what stood there
    masked_lm_weights: tf.Tensor  # (B, N) float32, 1 for a slot that is used


def mask_tokens(
    input_ids: tf.Tensor,
    input_mask: tf.Tensor,
    word_starts: tf.Tensor,
    *,
    masking: MaskingSettings,
    max_predictions: int,
    vocabulary: MaskVocabulary,
    seed: tf.Tensor,
    first_row: int = 0,
    of_rows: int | None = None,
    rate: tf.Tensor | None = None,
    proposal_distribution: tf.Tensor | None = None,
    disallow_from_mask: tf.Tensor | None = None,
    already_masked: tf.Tensor | None = None,
) -> Masked:
    """Chooses tokens without replacement and replaces them.

    Args:
        input_ids: (B, L) int32; L must be static.
        input_mask: (B, L) int32, 1 for a real token.
        word_starts: (B, L) int32, 1 where a word begins; specials are words of their own.
        masking: rate, unit and shares.
        max_predictions: N, slots per instance.
        vocabulary: special ids.
        seed: (2,) int32; another seed gives other masks.
        first_row: the first row's place, where the inputs are a part of a larger batch.
        of_rows: rows of that batch, whose masks these rows get; None: the inputs are all of it.
        rate: () float32, in the place of `masking.rate`, for a schedule over steps.
        proposal_distribution: (B, L) float32, how much rather a token is chosen; a word is as
            likely as its tokens together. None: all alike.
        disallow_from_mask: (B, L) bool, tokens that must not be chosen.
        already_masked: (B, L) bool, tokens that an earlier call masked: they are not chosen again
            and use up the budget.
    """
    real_tokens = tf.reduce_sum(tf.cast(input_mask > 0, tf.int32), axis=1)
    maskable = (input_mask > 0) & ~tf.gather(_special_table(vocabulary), input_ids)
    budget = _budget(real_tokens, input_ids.shape[1], rate, masking.rate, max_predictions)
    if already_masked is not None:
        maskable &= ~already_masked
        budget -= tf.reduce_sum(tf.cast(already_masked, tf.int32), axis=1)
    if disallow_from_mask is not None:
        maskable &= ~disallow_from_mask
    word = word_numbers(word_starts)
    draws = MaskDraws(seed, first_row, of_rows)
    if masking.unit == "token":
        keys = random_keys(maskable, proposal_distribution, draws)
        positions = choose_tokens(keys, maskable, budget, max_predictions)
    else:
        chosen = choose_words(
            maskable, word, budget, masking.ngram_probabilities(), proposal_distribution, draws
        )
        positions = _positions(chosen, max_predictions)
    return _fill_slots(input_ids, positions, word, masking, vocabulary, draws)


def rate_at(masking: MaskingSettings, step: tf.Tensor) -> tf.Tensor | None:
    """() float32, the masking rate of a step; None if it is the same at all of them.

    Args:
        masking: first rate and schedule.
        step: () integer, updates made so far.
    """
    if masking.schedule is None:
        return None
    done = tf.minimum(tf.cast(step, tf.float32) / masking.schedule.steps, 1.0)
    return masking.rate + (masking.schedule.end_rate - masking.rate) * done


def _special_table(vocabulary: MaskVocabulary) -> tf.Tensor:
    table = np.zeros(vocabulary.vocab_size, np.bool_)
    table[list(vocabulary.special_ids)] = True
    return tf.constant(table)


def _budget(
    real_tokens: tf.Tensor,
    length: int,
    rate: tf.Tensor | None,
    fixed_rate: float,
    max_predictions: int,
) -> tf.Tensor:
    """(B,) tokens to predict, as BERT rounds them.

    A fixed rate is looked up, so that it is rounded as the static masker rounds it.
    """
    if rate is not None:
        wanted = tf.cast(tf.round(tf.cast(real_tokens, tf.float32) * rate), tf.int32)
        return tf.clip_by_value(wanted, 1, max_predictions)
    table = np.clip(np.rint(np.arange(length + 1) * fixed_rate), 1, max_predictions)
    return tf.gather(tf.constant(table, tf.int32), real_tokens)


def _positions(chosen: tf.Tensor, max_predictions: int) -> tf.Tensor:
    """Chosen places to slots: (B, N) ascending, L for an unused slot."""
    length = chosen.shape[1]
    places = tf.where(chosen, tf.range(length)[None, :], length)
    return tf.sort(places, axis=1)[:, :max_predictions]


def _fill_slots(
    input_ids: tf.Tensor,
    positions: tf.Tensor,
    word: tf.Tensor,
    masking: MaskingSettings,
    vocabulary: MaskVocabulary,
    draws: MaskDraws,
) -> Masked:
    used = positions < input_ids.shape[1]
    positions = tf.where(used, positions, 0)
    original = tf.gather(input_ids, positions, batch_dims=1)
    if masking.decide == "piece":
        share = draws.integers(positions, "share", RESOLUTION)
    else:
        of_word = draws.integers(input_ids, "share", RESOLUTION)
        word_at = tf.gather(word, positions, batch_dims=1)
        share = tf.gather(of_word, word_at, batch_dims=1)
    replaced = _replace(original, share, masking, vocabulary, draws)
    # Positions of a row differ, and an unused slot adds 0 to position 0.
    change = tf.where(used, replaced - original, 0)
    rows = tf.broadcast_to(tf.range(tf.shape(positions)[0])[:, None], tf.shape(positions))
    return Masked(
        tf.tensor_scatter_nd_add(input_ids, tf.stack([rows, positions], axis=-1), change),
        positions,
        tf.where(used, original, 0),
        tf.cast(used, tf.float32),
    )


def _replace(
    original: tf.Tensor,
    share: tf.Tensor,
    masking: MaskingSettings,
    vocabulary: MaskVocabulary,
    draws: MaskDraws,
) -> tf.Tensor:
    """What stands in the place of the chosen tokens: [MASK], a random token, or the same."""
    allowed = np.setdiff1d(np.arange(vocabulary.vocab_size), vocabulary.special_ids)
    drawn = draws.integers(original, "random_id", len(allowed))
    mask_below = round(masking.mask_share * RESOLUTION)
    random_below = round((masking.mask_share + masking.random_share) * RESOLUTION)
    return tf.where(
        share < mask_below,
        vocabulary.mask_id,
        tf.where(share < random_below, tf.gather(tf.constant(allowed, tf.int32), drawn), original),
    )
