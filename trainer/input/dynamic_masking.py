"""Mask a batch in the graph, so that the same records get new masks at every step.

The distribution is that of `components/instance_gen/masking.py`. All shapes are static, all random
numbers depend only on the seed, and the result is the same when compiled by XLA.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from trainer.input.choose_tokens import (
    RESOLUTION,
    choose_tokens,
    choose_words,
    draw_like,
    random_keys,
    word_numbers,
)
from trainer.row_draws import RowDraws
from trainer.settings.masking import MaskingSettings


class MaskVocabulary(NamedTuple):
    """The facts of a vocabulary that masking needs."""

    mask_id: int
    special_ids: tuple[int, ...]  # never masked, never drawn
    vocab_size: int  # V


class Masked(NamedTuple):
    """A masked batch; slots are filled from the left, and unused slots are 0 in all three."""

    input_ids: tf.Tensor  # (B, L) int32
    masked_lm_positions: tf.Tensor  # (B, N) int32, ascending
    masked_lm_ids: tf.Tensor  # (B, N) int32, the original tokens
    masked_lm_weights: tf.Tensor  # (B, N) float32, 1 for a used slot


def mask_tokens(
    input_ids: tf.Tensor,
    input_mask: tf.Tensor,
    word_starts: tf.Tensor,
    *,
    masking: MaskingSettings,
    max_predictions: int,
    vocabulary: MaskVocabulary,
    draws: RowDraws,
    rate: tf.Tensor | None = None,
    proposal_distribution: tf.Tensor | None = None,
    disallow_from_mask: tf.Tensor | None = None,
    already_masked: tf.Tensor | None = None,
) -> Masked:
    """Choose tokens without replacement and mask them.

    Args:
        input_ids: (B, L) int32; L must be static.
        input_mask: (B, L) int32, 1 for a real token.
        word_starts: (B, L) int32, 1 at the first token of each word; every special is a word.
        masking: rate, unit and shares.
        max_predictions: N, slots per instance.
        vocabulary: the mask token and the special ids.
        draws: random numbers for the rows.
        rate: () float32, replaces `masking.rate` if the rate follows a schedule.
        proposal_distribution: (B, L) float32, weights of the tokens; the weight of a word is the
            sum of its tokens' weights. None: all are equally likely.
        disallow_from_mask: (B, L) bool, tokens that must not be chosen.
        already_masked: (B, L) bool, tokens masked by an earlier call: they are not chosen again and
            count against the budget.
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
    """Return the masking rate of a step, () float32, or None if the rate is constant.

    `step` is a () integer, the updates made so far.
    """
    if masking.schedule is None:
        return None
    done = tf.minimum(tf.cast(step, tf.float32) / masking.schedule.steps, 1.0)
    return masking.rate + (masking.schedule.end_rate - masking.rate) * done


def put_tokens(
    input_ids: tf.Tensor, positions: tf.Tensor, ids: tf.Tensor, used: tf.Tensor
) -> tf.Tensor:
    """Put ids at positions of a batch.

    Args:
        input_ids: (B, L) int32.
        positions: (B, N) int32, all different in a row but for unused slots.
        ids: (B, N) int32.
        used: (B, N) bool; the other slots change nothing.
    """
    # An unused slot adds 0 at its position.
    change = tf.where(used, ids - tf.gather(input_ids, positions, batch_dims=1), 0)
    rows = tf.broadcast_to(tf.range(tf.shape(positions)[0])[:, None], tf.shape(positions))
    return tf.tensor_scatter_nd_add(input_ids, tf.stack([rows, positions], axis=-1), change)


def _special_table(vocabulary: MaskVocabulary) -> tf.Tensor:
    table = np.zeros(vocabulary.vocab_size, np.bool_)
    table[list(vocabulary.special_ids)] = True
    return tf.constant(table)


def _budget(
    real_tokens: tf.Tensor,
    length: int,
    rate: tf.Tensor | None,
    constant_rate: float,
    max_predictions: int,
) -> tf.Tensor:
    """Return the (B,) number of tokens to predict, rounded as in BERT.

    A constant rate uses a table, so that it is rounded exactly as in the static masker.
    """
    if rate is not None:
        count = tf.cast(tf.round(tf.cast(real_tokens, tf.float32) * rate), tf.int32)
        return tf.clip_by_value(count, 1, max_predictions)
    table = np.clip(np.rint(np.arange(length + 1) * constant_rate), 1, max_predictions)
    return tf.gather(tf.constant(table, tf.int32), real_tokens)


def _positions(chosen: tf.Tensor, max_predictions: int) -> tf.Tensor:
    """Return the chosen positions, (B, N) ascending; L for an unused slot."""
    length = chosen.shape[1]
    positions = tf.where(chosen, tf.range(length)[None, :], length)
    return tf.sort(positions, axis=1)[:, :max_predictions]


def _fill_slots(
    input_ids: tf.Tensor,
    positions: tf.Tensor,
    word: tf.Tensor,
    masking: MaskingSettings,
    vocabulary: MaskVocabulary,
    draws: RowDraws,
) -> Masked:
    used = positions < input_ids.shape[1]
    positions = tf.where(used, positions, 0)
    original = tf.gather(input_ids, positions, batch_dims=1)
    if masking.decide == "piece":
        share = draw_like(draws, positions, "share", RESOLUTION)
    else:
        share_of_word = draw_like(draws, input_ids, "share", RESOLUTION)
        share = tf.gather(share_of_word, tf.gather(word, positions, batch_dims=1), batch_dims=1)
    replaced = _replace(original, share, masking, vocabulary, draws)
    return Masked(
        put_tokens(input_ids, positions, replaced, used),
        positions,
        tf.where(used, original, 0),
        tf.cast(used, tf.float32),
    )


def _replace(
    original: tf.Tensor,
    share: tf.Tensor,
    masking: MaskingSettings,
    vocabulary: MaskVocabulary,
    draws: RowDraws,
) -> tf.Tensor:
    """Replace chosen tokens by [MASK], by a random token, or by themselves."""
    allowed = np.setdiff1d(np.arange(vocabulary.vocab_size), vocabulary.special_ids)
    drawn = draw_like(draws, original, "random_id", len(allowed))
    mask_below = round(masking.mask_share * RESOLUTION)
    random_below = round((masking.mask_share + masking.random_share) * RESOLUTION)
    return tf.where(
        share < mask_below,
        vocabulary.mask_id,
        tf.where(share < random_below, tf.gather(tf.constant(allowed, tf.int32), drawn), original),
    )
