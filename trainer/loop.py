"""The training loop: steps, looks, checkpoints, until the last step or a reason to stop."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import tensorflow as tf

from trainer.checkpoints import Checkpoints
from trainer.errors import StoppedError, TextmillError
from trainer.failpoints import failpoint
from trainer.progress import Progress, Scalars
from trainer.settings import TrainerSettings
from trainer.step import Sums, TrainSteps


class DivergedError(TextmillError):
    """A loss or a gradient that is not a finite number."""


def train(
    train_steps: TrainSteps,
    batches: Iterator[Any],
    step: tf.Variable,
    checkpoints: Checkpoints,
    progress: Progress,
    settings: TrainerSettings,
    loss_weights: Mapping[str, float],
) -> None:
    """Trains to the last step.

    Args:
        train_steps: from `make_train_steps`.
        batches: the distributed dataset's iterator, which stands at `step`.
        step: updates made so far; it counts on.
        checkpoints: saves at every interval, at the end, and when SIGTERM comes.
        progress: told at every interval.
        settings: the intervals, and the last step.
        loss_weights: of the sums' means that make up the loss.

    Raises:
        DivergedError: at the first loss or gradient that is not finite; nothing is saved then.
        StoppedError: SIGTERM came; the same command goes on from here.
    """
    interval = Interval()
    with _note_sigterm() as stopped:
        while (now := int(step.numpy())) < settings.steps:
            count = _steps_to_next_stop(now, settings)
            sums, broken = train_steps(batches, tf.constant(count, tf.int32))
            _check_finite(int(broken.numpy()), settings)
            interval.add(sums)
            now += count
            failpoint("train-steps")
            if now % settings.log_every_steps == 0 or now == settings.steps:
                progress.report(now, interval.means(loss_weights))
                interval = Interval()
            if now % settings.save_every_steps == 0 or now == settings.steps or stopped:
                checkpoints.save()
            if stopped:
                progress.close({"finished": False})
                raise StoppedError(128 + signal.SIGTERM)


class Interval:
    """Sums since the last look."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, sums: Sums) -> None:
        """Adds what some steps returned."""
        for name, part in sums.items():
            numerator, denominator = self._sums.get(name, (0.0, 0.0))
            self._sums[name] = (
                numerator + float(part.numerator.numpy()),
                denominator + float(part.denominator.numpy()),
            )

    def means(self, loss_weights: Mapping[str, float]) -> Scalars:
        """Every mean, and `loss`, the weighted sum of the losses' means."""
        means = {name: n / d if d else 0.0 for name, (n, d) in self._sums.items()}
        return {"loss": sum(w * means[name] for name, w in loss_weights.items()), **means}


def _steps_to_next_stop(now: int, settings: TrainerSettings) -> int:
    """As many steps as one call may run: no interval and not the end lie inside."""
    intervals = settings.steps_per_loop, settings.log_every_steps, settings.save_every_steps
    return min(settings.steps - now, *(every - now % every for every in intervals))


def _check_finite(broken: int, settings: TrainerSettings) -> None:
    if broken < 0:
        return
    size = settings.global_batch_size
    raise DivergedError(
        f"Step {broken}: the loss or its gradient is not a finite number (batch of the records at "
        f"positions {broken * size} to {(broken + 1) * size - 1} of the training order). "
        f"Lower trainer.learning_rate or raise trainer.warmup_steps; the last checkpoint is "
        f"from before."
    )


@contextmanager
def _note_sigterm() -> Iterator[list[int]]:
    """A list that is empty until SIGTERM comes; the signal does nothing else meanwhile."""
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)

    try:
        before = signal.signal(signal.SIGTERM, note)
    except ValueError:  # Python takes signals in the main thread only.
        yield seen
        return
    try:
        yield seen
    finally:
        signal.signal(signal.SIGTERM, before)
