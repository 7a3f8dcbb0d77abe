"""The training loop: steps, looks, checkpoints, until the last step or a reason to stop."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from core.errors import StoppedError, TextmillError
from core.failpoints import failpoint
from trainer.devices.stop_signals import Stop
from trainer.loop.best_weights import BestWeights
from trainer.loop.checkpoints import Checkpoints
from trainer.loop.held_out import HeldOut
from trainer.loop.phases import Phase
from trainer.loop.step import Sums, TrainSteps
from trainer.report.progress import Progress, Scalars
from trainer.settings.training import TrainerSettings


class DivergedError(TextmillError):
    """A loss or a gradient that is not a finite number."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What is done between steps."""

    settings: TrainerSettings  # how often
    checkpoints: Checkpoints
    progress: Progress
    stop: Stop
    held_out: HeldOut | None = None
    best: BestWeights | None = None  # on the chief


def train(
    train_steps: TrainSteps,
    batches: Iterator[Any],
    step: tf.Variable,
    phase: Phase,
    loss_weights: Mapping[str, float],
    looks: Looks,
) -> None:
    """Trains to the end of a phase.

    Args:
        train_steps: from `make_train_steps`.
        batches: the distributed dataset's iterator, which stands at `step`.
        step: updates made so far; it counts on.
        phase: where it ends, and what its batches are.
        loss_weights: of the sums' means that make up the loss.
        looks: saves at every interval, at the end, and when a signal comes to stop.

    Raises:
        DivergedError: at the first loss or gradient that is not finite; nothing is saved then.
        StoppedError: SIGTERM or SIGINT came; the same command goes on from here.
    """
    s, last = looks.settings, looks.settings.steps
    interval = Interval()
    first = int(step.numpy())
    while (now := int(step.numpy())) < phase.end_step:
        # The first call compiles, so it makes one step, which no rate counts.
        count = 1 if now == first else _steps_to_next_stop(now, phase.end_step, s)
        sums, broken = train_steps(batches, tf.constant(count, tf.int32))
        _check_finite(int(broken.numpy()), phase)
        interval.add(sums)
        now += count
        failpoint("train-steps")
        ends = now == phase.end_step
        if now == first + 1 and now % s.log_every_steps and not ends:
            looks.progress.start_clock(now)
        if now % s.log_every_steps == 0 or ends:
            looks.progress.report(now, interval.means(loss_weights))
            interval = Interval()
        if looks.held_out and (now % (s.evaluate_every_steps or last) == 0 or now == last):
            _look_at_held_out(now, phase, looks.held_out, looks)
        stopped = looks.stop()
        if now % s.save_every_steps == 0 or ends or stopped:
            looks.checkpoints.save()
        if stopped and now < last:
            looks.progress.close({"finished": False})
            raise StoppedError(128 + stopped)


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


def _steps_to_next_stop(now: int, end: int, settings: TrainerSettings) -> int:
    """As many steps as one call may run: no interval and not the end lie inside."""
    s = settings
    intervals = s.steps_per_loop, s.log_every_steps, s.save_every_steps, s.evaluate_every_steps
    return min(end - now, *(every - now % every for every in intervals if every))


def _look_at_held_out(now: int, phase: Phase, held_out: HeldOut, looks: Looks) -> None:
    found = held_out()
    if looks.best:
        looks.best.offer(now, phase.number, held_out.judged(found))
    looks.progress.report_held_out(now, found)


def _check_finite(broken: int, phase: Phase) -> None:
    if broken < 0:
        return
    raise DivergedError(
        f"Step {broken}: the loss or its gradient is not a finite number "
        f"({phase.batch_in_words(broken)}). Lower trainer.learning_rate or raise "
        f"trainer.warmup_steps; the last checkpoint is from before."
    )
