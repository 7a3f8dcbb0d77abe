"""Choose the tokens of a batch to mask, in the graph: tokens, whole words or runs of words.

Draws are integers, because XLA and TensorFlow's kernels turn the same random bits into different
floats. Without a proposal distribution, a choice is therefore the same with and without XLA.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import tensorflow as tf

from trainer.row_draws import RowDraws

RESOLUTION = 1 << 24  # draws are integers below it; shares are rounded to 1 / RESOLUTION
LEAST_WEIGHT = 1e-30  # replaces a weight of 0, which has no logarithm

Purpose = Literal["keys", "share", "random_id", "runs"]
PURPOSES = get_args(Purpose)


def draw_like(draws: RowDraws, values: tf.Tensor, purpose: Purpose, limit: int) -> tf.Tensor:
    """Return int32 below the limit in the shape (B, C) of a tensor; each purpose has its own."""
    shape = tf.shape(values)
    return draws.fold_in(PURPOSES.index(purpose)).integers(shape[0], shape[1], limit)


def choose_tokens(
    keys: tf.Tensor, maskable: tf.Tensor, budget: tf.Tensor, max_predictions: int
) -> tf.Tensor:
    """Choose the tokens with the highest keys: the whole budget if there are enough tokens.

    Args:
        keys: (B, L), from `random_keys`.
        maskable: (B, L) bool.
        budget: (B,) int32.
        max_predictions: N.

    Returns:
        (B, N) int32 positions, ascending; L for an unused slot.
    """
    _, positions = tf.math.top_k(keys, max_predictions)
    available = tf.reduce_sum(tf.cast(maskable, tf.int32), axis=1)
    used = tf.range(max_predictions)[None, :] < tf.minimum(budget, available)[:, None]
    return tf.sort(tf.where(used, positions, maskable.shape[1]), axis=1)


def choose_words(
    maskable: tf.Tensor,
    word: tf.Tensor,
    budget: tf.Tensor,
    ngram_probabilities: Sequence[float],
    proposal: tf.Tensor | None,
    draws: RowDraws,
) -> tf.Tensor:
    """Choose runs of whole words in random order until no remaining word fits the budget.

    This is the algorithm of `components/instance_gen/choose_tokens.py`: a run ends before a word
    that is already chosen, may not be masked, or exceeds the remaining budget.

    Args:
        maskable: (B, L) bool; L static.
        word: (B, L) int32, number of the word in its row that a token belongs to.
        budget: (B,) int32.
        ngram_probabilities: probabilities of runs of 1, 2 … words; [1.0] chooses single words.
        proposal: (B, L) float32, weights of the tokens; None: all are equally likely.
        draws: random numbers for the batch.

    Returns:
        (B, L) bool, the tokens of the chosen words.
    """
    length, most = maskable.shape[1], len(ngram_probabilities)
    sizes = _sum_words(tf.cast(maskable, tf.int32), word, length)
    weights = None
    if proposal is not None:
        weights = _sum_words(tf.where(maskable, proposal, 0.0), word, length)
    keys = random_keys(sizes > 0, weights, draws)
    order = tf.argsort(keys, axis=1, direction="DESCENDING")
    runs = _draw_runs(ngram_probabilities, maskable, draws)
    sizes = tf.pad(sizes, [[0, 0], [0, most]])  # a run may reach past the last word

    def is_unfinished(rank: tf.Tensor, left: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return (rank < length) & tf.reduce_any(left > 0)

    def take_run(
        rank: tf.Tensor, left: tf.Tensor, chosen: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        fits = tf.ones_like(left, tf.bool)
        for step in range(most):
            at = order[:, rank] + step
            size = tf.gather(sizes, at, batch_dims=1)
            fits &= (runs[:, rank] > step) & (size > 0) & (size <= left)
            fits &= ~tf.gather(chosen, at, batch_dims=1)
            chosen |= tf.one_hot(at, length + most, True, False) & fits[:, None]
            left -= tf.where(fits, size, 0)
        return rank + 1, left, chosen

    nothing = tf.zeros_like(sizes, tf.bool)
    _, _, chosen = tf.while_loop(is_unfinished, take_run, (0, tf.maximum(budget, 0), nothing))
    return tf.gather(chosen, word, batch_dims=1) & maskable


def random_keys(eligible: tf.Tensor, proposal: tf.Tensor | None, draws: RowDraws) -> tf.Tensor:
    """Return (B, L) keys whose descending order is a random order, ineligible places last.

    With a proposal distribution, the order is that of weighted draws without replacement: a key is
    log(weight) plus Gumbel noise (the Gumbel top-k trick).
    """
    keys = draw_like(draws, eligible, "keys", RESOLUTION)
    if proposal is None:
        return tf.where(eligible, keys, -1)
    uniform = (tf.cast(keys, tf.float32) + 0.5) / RESOLUTION
    gumbel = -tf.math.log(-tf.math.log(uniform))
    # A weight of 0 comes after all others, but is still chosen if the budget requires it.
    logits = tf.math.log(tf.maximum(proposal, LEAST_WEIGHT))
    return tf.where(eligible, logits + gumbel, -tf.float32.max)


def word_numbers(word_starts: tf.Tensor) -> tf.Tensor:
    """Return (B, L) numbers of the words in each row, from (B, L) marks at their first tokens."""
    return tf.maximum(tf.cumsum(word_starts, axis=1) - 1, 0)


def _sum_words(values: tf.Tensor, word: tf.Tensor, length: int) -> tf.Tensor:
    """Sum (B, L) values of tokens to (B, L) values of words."""
    rows = tf.shape(word)[0]
    flat = tf.reshape(word + tf.range(rows)[:, None] * length, [-1])
    sums = tf.math.unsorted_segment_sum(tf.reshape(values, [-1]), flat, rows * length)
    return tf.reshape(sums, [rows, length])


def _draw_runs(shares: Sequence[float], like: tf.Tensor, draws: RowDraws) -> tf.Tensor:
    """Draw lengths of runs in words, each with the probability of its share."""
    drawn = draw_like(draws, like, "runs", RESOLUTION)
    bounds = [round(sum(shares[: n + 1]) * RESOLUTION) for n in range(len(shares) - 1)]
    return 1 + sum((tf.cast(drawn >= bound, tf.int32) for bound in bounds), tf.zeros_like(drawn))
