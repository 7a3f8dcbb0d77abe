"""Replace masked tokens by the generator's samples; measure how well replaced tokens are found."""

import math

import tensorflow as tf

from trainer.objectives.objective import Ratio, weighted

DRAWS = 1 << 22  # so small that (draw + 1/2) / DRAWS * a float32 sum is always below the sum
BINS = 512  # of the histograms from which the area under the curve is computed


def sample_tokens(scores: tf.Tensor, temperature: float, draws: tf.Tensor) -> tf.Tensor:
    """Draw a token for each slot, by where two numbers fall in the cumulative probabilities.

    The first number chooses a block of the vocabulary, the second a token in it. The Gumbel-max
    trick would need V numbers per slot.

    Args:
        scores: (R, V) float32, the generator's at R slots; no gradient flows back.
        temperature: of the softmax; below 1, likely tokens become more likely.
        draws: (R, 2) int32 below `DRAWS`.

    Returns:
        (R,) int32.
    """
    size = scores.shape[-1]
    block = math.isqrt(size - 1) + 1
    probabilities = tf.nn.softmax(tf.cast(tf.stop_gradient(scores), tf.float32) / temperature)
    padded = tf.pad(probabilities, [[0, 0], [0, -size % block]])
    table = tf.reshape(padded, [-1, padded.shape[-1] // block, block])
    chosen = _pick(tf.reduce_sum(table, -1), draws[:, 0])
    within = _pick(tf.gather(table, chosen, batch_dims=1), draws[:, 1])
    return tf.minimum(chosen * block + within, size - 1)


def fill_masks(
    input_ids: tf.Tensor,
    positions: tf.Tensor,
    ids: tf.Tensor,
    weights: tf.Tensor,
    sampled: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Put the sampled tokens into the masked slots.

    The original ELECTRA sometimes masks a position twice and writes the mean of two ids there; here
    the positions of a row are distinct.

    Args:
        input_ids: (B, L) int32, masked.
        positions: (B, N) int32, 0 in unused slots.
        ids: (B, N) int32, the original tokens.
        weights: (B, N) float32, 0 on unused slots.
        sampled: (B * N,) int32.

    Returns:
        The filled ids (B, L) int32, and `is_replaced` (B, L) float32, 1 where the token is not the
        original one. A sample that happens to be the original counts as original.
    """
    used = weights > 0
    sampled = tf.reshape(sampled, tf.shape(ids))
    rows = tf.broadcast_to(tf.range(tf.shape(ids)[0])[:, None], tf.shape(ids))
    places = tf.stack([rows, positions], -1)
    # An unused slot adds 0 to position 0.
    change = tf.where(used, sampled - tf.gather(input_ids, positions, batch_dims=1), 0)
    differs = used & (sampled != ids)
    # In float32, which holds any id exactly: TensorFlow scatters int32 on the host.
    changes = tf.cast(tf.stack([change, tf.cast(differs, tf.int32)], -1), tf.float32)
    zeros = tf.zeros([*tf.unstack(tf.shape(input_ids)), 2])
    change, is_replaced = tf.unstack(tf.tensor_scatter_nd_add(zeros, places, changes), axis=-1)
    return input_ids + tf.cast(change, tf.int32), is_replaced


def replaced_token_loss(scores: tf.Tensor, is_replaced: tf.Tensor, mask: tf.Tensor) -> Ratio:
    """Return the binary cross-entropy over real tokens in nats; every argument is (B, L)."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=is_replaced, logits=scores)
    return weighted(losses, mask)


def replaced_measures(
    scores: tf.Tensor, is_replaced: tf.Tensor, mask: tf.Tensor
) -> dict[str, Ratio]:
    """Return the accuracy over real tokens, and precision and recall of replaced tokens."""
    predicted = tf.cast(scores > 0, tf.float32)
    real = tf.cast(mask, tf.float32)
    right = tf.cast(predicted == is_replaced, tf.float32)
    return {
        "replaced_token_accuracy": weighted(right, real),
        "replaced_token_precision": weighted(is_replaced, predicted * real),
        "replaced_token_recall": weighted(predicted, is_replaced * real),
    }


def replaced_histograms(
    scores: tf.Tensor, is_replaced: tf.Tensor, mask: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Count replaced and original tokens by the predicted probability's bin: (BINS,) float32."""
    bins = tf.cast(tf.sigmoid(scores) * (BINS - 1e-3), tf.int32)
    real = tf.cast(mask, tf.float32)

    def count(weights: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(weights, [-1])
        return tf.math.unsorted_segment_sum(flat, tf.reshape(bins, [-1]), BINS)

    return {"replaced": count(real * is_replaced), "original": count(real * (1 - is_replaced))}


def _pick(weights: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
    """Return the column at which the cumulative sum of (R, K) weights passes the draw: (R,)."""
    running = tf.cumsum(weights, axis=-1)
    fraction = (tf.cast(draw, tf.float32) + 0.5) / DRAWS
    return tf.reduce_sum(tf.cast(running <= fraction[:, None] * running[:, -1:], tf.int32), -1)
