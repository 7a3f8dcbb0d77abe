"""Compute the cross-entropy over a large vocabulary without a float32 copy of the scores."""

from collections.abc import Callable

import tensorflow as tf

from trainer.models.kernels.compilation import kernel
from trainer.models.kernels.sums import fold_columns


def cross_entropy(scores: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Compute losses and hits; arguments and results as in `masked_lm.cross_entropy`.

    TensorFlow's own operation keeps a float32 copy of all scores and takes three times as long.
    """

    @tf.custom_gradient
    def run(scores: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., tf.Tensor]]:
        best, normalizer = _normalizers(scores)
        score = tf.cast(tf.gather(scores, ids, batch_dims=1), tf.float32)

        def gradient(dy: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            return _score_gradient(scores, ids, normalizer, dy)

        return (normalizer - score, tf.cast(score >= best, tf.float32)), gradient

    losses, is_best = run(scores)
    return losses, tf.stop_gradient(is_best)


@kernel
def _normalizers(scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return each row's best score (R,), and the logarithm of its sum of exponentials (R,)."""
    best = tf.cast(fold_columns(scores, tf.identity, "max"), tf.float32)
    total = fold_columns(scores, lambda x: tf.exp(tf.cast(x, tf.float32) - best[:, None]), "add")
    return best, best + tf.math.log(total)


@kernel
def _score_gradient(
    scores: tf.Tensor, ids: tf.Tensor, normalizer: tf.Tensor, upstream: tf.Tensor
) -> tf.Tensor:
    probabilities = tf.exp(tf.cast(scores, tf.float32) - normalizer[:, None])
    # In float32, which holds any id exactly: TensorFlow compares int32 on the host of a GPU.
    columns = tf.range(scores.shape[-1], dtype=tf.float32)
    is_right = tf.cast(columns == tf.cast(ids, tf.float32)[:, None], tf.float32)
    return tf.cast((probabilities - is_right) * upstream[:, None], scores.dtype)
