"""Unmasked inputs to masked ones, in the graph: new masks at every step from the same records.

The distribution is that of `components/instance_gen/masking.py`. All shapes are static, all
numbers come from the seed alone, and the function compiles under XLA. Draws are integers, because
XLA and TensorFlow's kernels make different floats of the same random bits; so the result is the
same with and without XLA.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
import tensorflow as tf

from trainer.settings import MaskingSettings

ALGORITHM = "philox"  # the same bits on every device; the default differs on TPUs
RESOLUTION = 1 << 24  # draws are integers below it; shares are rounded to 1 / RESOLUTION

Purpose = Literal["keys", "share", "random_id"]
PURPOSES = get_args(Purpose)


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
    """
    is_real = input_mask > 0
    maskable = is_real & ~tf.gather(_special_table(vocabulary), input_ids)
    budget = _budget(is_real, maskable, masking.rate, max_predictions)
    keys = _draw(tf.shape(input_ids), seed, "keys", RESOLUTION)
    if masking.unit == "token":
        positions = _choose_tokens(keys, maskable, budget, max_predictions)
    else:
        chosen = _choose_words(keys, maskable, word_starts, budget)
        positions = _positions(chosen, max_predictions)
    used = positions < input_ids.shape[1]
    positions = tf.where(used, positions, 0)
    original = tf.gather(input_ids, positions, batch_dims=1)
    replaced = _replace(original, masking, vocabulary, seed)
    # Positions of a row differ, and an unused slot adds 0 to position 0.
    change = tf.where(used, replaced - original, 0)
    rows = tf.broadcast_to(tf.range(tf.shape(positions)[0])[:, None], tf.shape(positions))
    return Masked(
        tf.tensor_scatter_nd_add(input_ids, tf.stack([rows, positions], axis=-1), change),
        positions,
        tf.where(used, original, 0),
        tf.cast(used, tf.float32),
    )


def _special_table(vocabulary: MaskVocabulary) -> tf.Tensor:
    table = np.zeros(vocabulary.vocab_size, np.bool_)
    table[list(vocabulary.special_ids)] = True
    return tf.constant(table)


def _draw(shape: tf.Tensor, seed: tf.Tensor, purpose: Purpose, limit: int) -> tf.Tensor:
    """Uniform int32 below the limit; every purpose has numbers of its own."""
    own_seed = tf.random.experimental.stateless_fold_in(
        seed, PURPOSES.index(purpose), alg=ALGORITHM
    )
    return tf.random.stateless_uniform(shape, own_seed, 0, limit, dtype=tf.int32, alg=ALGORITHM)


def _budget(
    is_real: tf.Tensor, maskable: tf.Tensor, rate: float, max_predictions: int
) -> tf.Tensor:
    """(B,) tokens to predict: BERT's rounding, looked up, so that float32 does not change it."""
    lengths = np.arange(is_real.shape[1] + 1)
    wanted = np.clip(np.rint(lengths * rate), 1, max_predictions).astype(np.int32)
    by_length = tf.gather(tf.constant(wanted), tf.reduce_sum(tf.cast(is_real, tf.int32), axis=1))
    return tf.minimum(by_length, tf.reduce_sum(tf.cast(maskable, tf.int32), axis=1))


def _choose_tokens(
    keys: tf.Tensor, maskable: tf.Tensor, budget: tf.Tensor, max_predictions: int
) -> tf.Tensor:
    """The positions of the `budget` highest keys: (B, N) ascending, L for an unused slot."""
    _, positions = tf.math.top_k(tf.where(maskable, keys, -1), max_predictions)
    used = tf.range(max_predictions)[None, :] < budget[:, None]
    return tf.sort(tf.where(used, positions, maskable.shape[1]), axis=1)


def _choose_words(
    keys: tf.Tensor, maskable: tf.Tensor, word_starts: tf.Tensor, budget: tf.Tensor
) -> tf.Tensor:
    """Whole words in random order while they fit: (B, L) bool."""
    length = maskable.shape[1]
    word = tf.maximum(tf.cumsum(word_starts, axis=1) - 1, 0)
    sizes = _count_words(word, maskable, length)
    order = tf.argsort(tf.where(sizes > 0, keys, -1), axis=1, direction="DESCENDING")
    in_order = tf.transpose(tf.gather(sizes, order, batch_dims=1))  # (L, B)

    def take(rank: tf.Tensor, left: tf.Tensor, fits: tf.TensorArray) -> tuple[tf.Tensor, ...]:
        size = in_order[rank]
        fit = (size > 0) & (size <= left)
        return rank + 1, left - tf.where(fit, size, 0), fits.write(rank, fit)

    fits = tf.TensorArray(tf.bool, size=length, element_shape=budget.shape)
    _, _, fits = tf.while_loop(
        lambda rank, *_: rank < length, take, (0, budget, fits), maximum_iterations=length
    )
    by_rank = tf.transpose(fits.stack())
    by_word = tf.gather(by_rank, tf.argsort(order, axis=1), batch_dims=1)
    return tf.gather(by_word, word, batch_dims=1) & maskable


def _count_words(word: tf.Tensor, maskable: tf.Tensor, length: int) -> tf.Tensor:
    """(B, L) how many maskable tokens each word has."""
    rows = tf.shape(word)[0]
    flat = tf.reshape(word + tf.range(rows)[:, None] * length, [-1])
    ones = tf.reshape(tf.cast(maskable, tf.int32), [-1])
    return tf.reshape(tf.math.unsorted_segment_sum(ones, flat, rows * length), [rows, length])


def _positions(chosen: tf.Tensor, max_predictions: int) -> tf.Tensor:
    """Chosen places to slots: (B, N) ascending, L for an unused slot."""
    length = chosen.shape[1]
    places = tf.where(chosen, tf.range(length)[None, :], length)
    return tf.sort(places, axis=1)[:, :max_predictions]


def _replace(
    original: tf.Tensor, masking: MaskingSettings, vocabulary: MaskVocabulary, seed: tf.Tensor
) -> tf.Tensor:
    """What stands in the place of the chosen tokens: [MASK], a random token, or the same."""
    allowed = np.setdiff1d(np.arange(vocabulary.vocab_size), vocabulary.special_ids)
    shape = tf.shape(original)
    share = _draw(shape, seed, "share", RESOLUTION)
    drawn = tf.gather(tf.constant(allowed, tf.int32), _draw(shape, seed, "random_id", len(allowed)))
    mask_below = round(masking.mask_share * RESOLUTION)
    random_below = round((masking.mask_share + masking.random_share) * RESOLUTION)
    return tf.where(
        share < mask_below,
        vocabulary.mask_id,
        tf.where(share < random_below, drawn, original),
    )
