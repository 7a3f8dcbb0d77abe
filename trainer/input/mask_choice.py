"""Which tokens of a batch are masked, in the graph: pieces, whole words or runs of words.

Draws are integers, because XLA and TensorFlow's kernels make different floats of the same random
bits; so a choice without a proposal distribution is the same with and without XLA.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import tensorflow as tf

ALGORITHM = "philox"  # the same bits on every device; the default differs on TPUs
RESOLUTION = 1 << 24  # draws are integers below it; shares are rounded to 1 / RESOLUTION
LEAST_WEIGHT = 1e-30  # in the place of a weight of 0, whose logarithm is no number

Purpose = Literal["keys", "share", "random_id", "runs"]
PURPOSES = get_args(Purpose)


class MaskDraws(NamedTuple):
    """Random numbers of a batch's masks, by each row's place in the global batch.

    A worker that masks its own rows alone gets the numbers that these rows get anywhere. All rows'
    are drawn and the others' dropped: they are few beside what masking does with them.
    """

    seed: tf.Tensor  # (2,) int32
    first: int = 0  # the batch's first row in the global one
    rows: int | None = None  # of the global batch; None: the batch is all of it

    def integers(self, like: tf.Tensor, purpose: Purpose, limit: int) -> tf.Tensor:
        """Int32 below the limit, uniform, of the shape (B, C) of another tensor.

        Every purpose has numbers of its own.
        """
        own_seed = tf.random.experimental.stateless_fold_in(
            self.seed, PURPOSES.index(purpose), alg=ALGORITHM
        )
        shape = tf.shape(like)
        drawn = tf.random.stateless_uniform(
            [shape[0] if self.rows is None else self.rows, shape[1]],
            own_seed,
            0,
            limit,
            dtype=tf.int32,
            alg=ALGORITHM,
        )
        return drawn if self.rows is None else tf.slice(drawn, [self.first, 0], shape)


def choose_tokens(
    keys: tf.Tensor, maskable: tf.Tensor, budget: tf.Tensor, max_predictions: int
) -> tf.Tensor:
    """The tokens with the highest keys, exactly as many as the budget if there are so many.

    Args:
        keys: (B, L), one of `random_keys`.
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
    ngram_shares: Sequence[float],
    proposal: tf.Tensor | None,
    draws: MaskDraws,
) -> tf.Tensor:
    """Runs of whole words in random order, until no word is left that would fit.

    The same walk as `components/instance_gen/choosing.py`: a run ends before a word that is
    taken, that may not be masked or that the budget has no room for.

    Args:
        maskable: (B, L) bool; L static.
        word: (B, L) int32, which word of its row a token is part of.
        budget: (B,) int32.
        ngram_shares: how likely a run of 1, 2 … words is; [1.0] chooses single words.
        proposal: (B, L) float32 or None, how much rather a token is chosen.
        draws: the batch's random numbers.

    Returns:
        (B, L) bool, the tokens of the chosen words.
    """
    length, most = maskable.shape[1], len(ngram_shares)
    sizes = _sum_words(tf.cast(maskable, tf.int32), word, length)
    preference = None
    if proposal is not None:
        preference = _sum_words(tf.where(maskable, proposal, 0.0), word, length)
    keys = random_keys(sizes > 0, preference, draws)
    order = tf.argsort(keys, axis=1, direction="DESCENDING")
    runs = _draw_runs(ngram_shares, maskable, draws)
    sizes = tf.pad(sizes, [[0, 0], [0, most]])  # a run may look beyond the last word

    def goes_on(rank: tf.Tensor, left: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return (rank < length) & tf.reduce_any(left > 0)

    def take(
        rank: tf.Tensor, left: tf.Tensor, taken: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        fits = tf.ones_like(left, tf.bool)
        for step in range(most):
            at = order[:, rank] + step
            size = tf.gather(sizes, at, batch_dims=1)
            fits &= (runs[:, rank] > step) & (size > 0) & (size <= left)
            fits &= ~tf.gather(taken, at, batch_dims=1)
            taken |= tf.one_hot(at, length + most, True, False) & fits[:, None]
            left -= tf.where(fits, size, 0)
        return rank + 1, left, taken

    nothing = tf.zeros_like(sizes, tf.bool)
    _, _, taken = tf.while_loop(goes_on, take, (0, tf.maximum(budget, 0), nothing))
    return tf.gather(taken, word, batch_dims=1) & maskable


def random_keys(wanted: tf.Tensor, proposal: tf.Tensor | None, draws: MaskDraws) -> tf.Tensor:
    """(B, L) keys whose descending order is a random order; what is not wanted comes last.

    With a proposal the order is that of drawing without replacement by its weights: the key is
    log(weight) plus Gumbel noise (Gumbel's top-k).
    """
    keys = draws.integers(wanted, "keys", RESOLUTION)
    if proposal is None:
        return tf.where(wanted, keys, -1)
    uniform = (tf.cast(keys, tf.float32) + 0.5) / RESOLUTION
    gumbel = -tf.math.log(-tf.math.log(uniform))
    # A weight of 0 comes after all others, and is still a choice where the budget needs it.
    logits = tf.math.log(tf.maximum(proposal, LEAST_WEIGHT))
    return tf.where(wanted, logits + gumbel, -tf.float32.max)


def word_numbers(word_starts: tf.Tensor) -> tf.Tensor:
    """(B, L) 1 where a word begins, to (B, L) which word of its row a token is part of."""
    return tf.maximum(tf.cumsum(word_starts, axis=1) - 1, 0)


def _sum_words(values: tf.Tensor, word: tf.Tensor, length: int) -> tf.Tensor:
    """(B, L) values of tokens to (B, L) sums of words."""
    rows = tf.shape(word)[0]
    flat = tf.reshape(word + tf.range(rows)[:, None] * length, [-1])
    sums = tf.math.unsorted_segment_sum(tf.reshape(values, [-1]), flat, rows * length)
    return tf.reshape(sums, [rows, length])


def _draw_runs(shares: Sequence[float], like: tf.Tensor, draws: MaskDraws) -> tf.Tensor:
    """Numbers of words, each as likely as its share."""
    drawn = draws.integers(like, "runs", RESOLUTION)
    bounds = [round(sum(shares[: n + 1]) * RESOLUTION) for n in range(len(shares) - 1)]
    return 1 + sum((tf.cast(drawn >= bound, tf.int32) for bound in bounds), tf.zeros_like(drawn))
