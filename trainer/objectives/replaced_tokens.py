"""The generator's scores to replaced tokens; the discriminator's to how well it found them."""

import math

import tensorflow as tf

from trainer.objectives.ratio import Ratio, weighted

# Few enough that (draw + 1/2) / DRAWS times a float32 sum always stays below the sum.
DRAWS = 1 << 22
BINS = 512  # of the histograms that the area under the curve is read from


def sample_tokens(scores: tf.Tensor, temperature: float, draws: tf.Tensor) -> tf.Tensor:
    """Draws a token for each slot, by where two numbers fall in the cumulative shares.

    The first chooses a block of the vocabulary, the second a token in it. Gumbel's rule would need
    V numbers a slot.

    Args:
        scores: (R, V) float32, the generator's at R slots; no gradient flows back.
        temperature: below 1, likely tokens become likelier.
        draws: (R, 2) int32 below `DRAWS`.

    Returns:
        (R,) int32.
    """
    size = scores.shape[-1]
    block = math.isqrt(size - 1) + 1
    shares = tf.nn.softmax(tf.cast(tf.stop_gradient(scores), tf.float32) / temperature)
    padded = tf.pad(shares, [[0, 0], [0, -size % block]])
    table = tf.reshape(padded, [-1, padded.shape[-1] // block, block])
    chosen = _find(tf.reduce_sum(table, -1), draws[:, 0])
    within = _find(tf.gather(table, chosen, batch_dims=1), draws[:, 1])
    return tf.minimum(chosen * block + within, size - 1)


def fill_masks(
    input_ids: tf.Tensor,
    positions: tf.Tensor,
    ids: tf.Tensor,
    weights: tf.Tensor,
    sampled: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Puts the sampled tokens into the masked slots.

    The original ELECTRA masks a position twice now and then and writes the mean of two ids there;
    here positions of a row differ.

    Args:
        input_ids: (B, L) int32, masked.
        positions: (B, N) int32; those of unused slots are 0.
        ids: (B, N) int32, what stood there.
        weights: (B, N) float32, 0 on unused slots.
        sampled: (B * N,) int32.

    Returns:
        The filled ids (B, L) int32, and `is_replaced` (B, L) float32: 1 where a token stands that
        is not the original one. A sample that happens to be the original counts as original.
    """
    used = weights > 0
    sampled = tf.reshape(sampled, tf.shape(ids))
    rows = tf.broadcast_to(tf.range(tf.shape(ids)[0])[:, None], tf.shape(ids))
    places = tf.stack([rows, positions], -1)
    # An unused slot adds 0 to position 0.
    change = tf.where(used, sampled - tf.gather(input_ids, positions, batch_dims=1), 0)
    differs = tf.cast(used & (sampled != ids), tf.float32)
    is_replaced = tf.tensor_scatter_nd_add(tf.zeros_like(input_ids, tf.float32), places, differs)
    return tf.tensor_scatter_nd_add(input_ids, places, change), is_replaced


def replaced_token_loss(scores: tf.Tensor, is_replaced: tf.Tensor, mask: tf.Tensor) -> Ratio:
    """Binary cross-entropy over all real tokens, in nats; every argument is (B, L)."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=is_replaced, logits=scores)
    return weighted(losses, mask)


def replaced_measures(
    scores: tf.Tensor, is_replaced: tf.Tensor, mask: tf.Tensor
) -> dict[str, Ratio]:
    """Accuracy over real tokens, and precision and recall of those called replaced."""
    called = tf.cast(scores > 0, tf.float32)
    real = tf.cast(mask, tf.float32)
    right = tf.cast(called == is_replaced, tf.float32)
    return {
        "replaced_token_accuracy": weighted(right, real),
        "replaced_token_precision": weighted(is_replaced, called * real),
        "replaced_token_recall": weighted(called, is_replaced * real),
    }


def replaced_histograms(
    scores: tf.Tensor, is_replaced: tf.Tensor, mask: tf.Tensor
) -> dict[str, tf.Tensor]:
    """How many replaced and original tokens have a probability in each bin: (BINS,) float32."""
    bins = tf.cast(tf.sigmoid(scores) * (BINS - 1e-3), tf.int32)
    real = tf.cast(mask, tf.float32)

    def count(weights: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(weights, [-1])
        return tf.math.unsorted_segment_sum(flat, tf.reshape(bins, [-1]), BINS)

    return {"replaced": count(real * is_replaced), "original": count(real * (1 - is_replaced))}


def _find(weights: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
    """(R,) int32: the column at which the running sum of (R, K) weights passes (R,) draws."""
    running = tf.cumsum(weights, axis=-1)
    share = (tf.cast(draw, tf.float32) + 0.5) / DRAWS
    return tf.reduce_sum(tf.cast(running <= share[:, None] * running[:, -1:], tf.int32), -1)
