"""Explain a device that runs out of memory: which setting to change."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from core.errors import TextmillError
from trainer.settings.training import TrainerSettings

# XLA reports it with other codes, too, for example while it compiles for a TPU.
_MESSAGE = re.compile(r"out of memory|OOM when|exceeded hbm capacity", re.IGNORECASE)


class OutOfMemoryError(TextmillError):
    """A device has too little memory for a step."""


@contextlib.contextmanager
def explain_lack_of_memory(settings: TrainerSettings, replicas: int) -> Iterator[None]:
    """Turn TensorFlow's errors about exhausted memory into OutOfMemoryError.

    Args:
        settings: of the phase that is trained.
        replicas: number of devices that share a batch.
    """
    try:
        yield
    except tf.errors.OpError as error:
        is_exhausted = isinstance(error, tf.errors.ResourceExhaustedError)
        if not is_exhausted and not _MESSAGE.search(error.message):
            raise
        size = settings.global_batch_size // (replicas * settings.accumulate_steps)
        reason = (error.message or type(error).__name__).splitlines()[0][:200]
        raise OutOfMemoryError(
            f"A device has too little memory for {size} instances at once ({reason}). "
            f"{_advise(settings, replicas)} The run then resumes from its last checkpoint, if it "
            f"has one with these settings."
        ) from error


def _advise(settings: TrainerSettings, replicas: int) -> str:
    """Name the settings that lower the memory, those first that leave the result unchanged."""
    per_replica = settings.global_batch_size // replicas
    parts = (
        n for n in range(settings.accumulate_steps + 1, per_replica + 1) if not per_replica % n
    )
    more = next(parts, None)
    advice = []
    if more:
        advice.append(f"set trainer.accumulate_steps to {more} (the result is the same)")
    if settings.recompute == "none":
        advice.append("set trainer.recompute to layers (slower, the result is the same)")
    if settings.precision != "bfloat16":
        advice.append("set trainer.precision to bfloat16")
    if not advice:
        advice.append("lower instances.seq_length or choose a smaller model.size")
    text = ", or ".join(advice)
    return f"{text[0].upper()}{text[1:]}."
