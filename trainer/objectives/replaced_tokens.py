"""The generator's scores to replaced tokens; the discriminator's to how well it found them."""

import tensorflow as tf

from trainer.models.layers import Noise
from trainer.objectives.ratio import Ratio, weighted

BINS = 512  # of the histograms that the area under the curve is read from


def sample_tokens(scores: tf.Tensor, temperature: float, noise: Noise) -> tf.Tensor:
    """Draws a token for each slot, by the Gumbel-max rule.

    Args:
        scores: (B * N, V) float32, the generator's; no gradient flows back.
        temperature: below 1, likely tokens become likelier.
        noise: of this step.

    Returns:
        (B * N,) int32.
    """
    gumbel = -tf.math.log(-tf.math.log(noise.uniform(tf.shape(scores))))
    return tf.argmax(scores / temperature + gumbel, -1, output_type=tf.int32)


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
