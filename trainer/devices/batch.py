"""Check that the devices of a training share its batches evenly."""

from core.errors import InputError
from trainer.settings.training import TrainerSettings


def check_batch(s: TrainerSettings, replicas: int) -> None:
    """Check that replicas and parts divide a phase's batch.

    Raises:
        InputError: they do not.
    """
    num_micro_batches = replicas * s.accumulate_steps
    if s.global_batch_size % num_micro_batches:
        raise InputError(
            f"trainer.global_batch_size {s.global_batch_size} is not a multiple of {replicas} "
            f"replicas x {s.accumulate_steps} parts (trainer.accumulate_steps). Set it to "
            f"{max(s.global_batch_size // num_micro_batches, 1) * num_micro_batches}, for example."
        )
