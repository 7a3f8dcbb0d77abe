"""Compute the learning rate of a step."""

import tensorflow as tf

from trainer.settings.training import TrainerSettings


def learning_rate(settings: TrainerSettings, step: tf.Tensor) -> tf.Tensor:
    """Return the learning rate of a step: a linear warm-up to the peak, then the schedule.

    linear (BERT): after the warm-up, on the line from the peak at step 0 to 0 at the last step.
    product (ELECTRA): that line times the warm-up, so that the rate does not jump between the two.
    stable (ModernBERT): constant, then falling by 1 - sqrt over the last `decay_steps`.

    The papers' first rate is 0. Here the first step is step 1 of the warm-up, because an update
    with rate 0 changes nothing.

    `step` () int64 counts the updates done so far.

    Returns:
        () float32, above 0 for every step below `steps`.
    """
    s = settings
    done = tf.cast(step, tf.float32)
    rising = tf.minimum(1.0, (done + 1.0) / max(1, s.warmup_steps))
    falling = 1.0 - done / s.steps
    if s.schedule == "product":
        return s.learning_rate * rising * falling
    if s.schedule == "stable":
        into_decay = (done - (s.steps - s.decay_steps)) / s.decay_steps
        return s.learning_rate * rising * (1.0 - tf.sqrt(tf.maximum(0.0, into_decay)))
    return s.learning_rate * tf.where(step < s.warmup_steps, rising, falling)
