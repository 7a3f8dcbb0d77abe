"""A step to its learning rate."""

import tensorflow as tf


def linear_schedule(step: tf.Tensor, *, peak: float, warmup_steps: int, steps: int) -> tf.Tensor:
    """Rises linearly to the peak, then falls on the line from `peak` at step 0 to 0 at `steps`.

    BERT's form, with one difference: the first step's rate is peak / warmup_steps where BERT's is
    0, because an update of nothing is a step lost.

    Args:
        step: () int64, updates made so far.
        peak: the highest rate.
        warmup_steps: updates that rise.
        steps: updates of the whole run.

    Returns:
        () float32, above 0 for every step below `steps`.
    """
    done = tf.cast(step, tf.float32)
    rising = peak * (done + 1.0) / max(1, warmup_steps)
    falling = peak * (1.0 - done / steps)
    return tf.where(step < warmup_steps, rising, falling)
