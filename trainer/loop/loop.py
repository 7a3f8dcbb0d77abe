"""Run the training loop until the end of a phase or a stop signal."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import tensorflow as tf

from core.errors import StoppedError, TextmillError
from core.failpoints import failpoint
from trainer.devices.stop_signals import Stop
from trainer.loop.replicas import Sums
from trainer.loop.step import TrainSteps
from trainer.report.progress import Scalars
from trainer.settings.training import TrainerSettings


class DivergedError(TextmillError):
    """A loss or a gradient is not a finite number."""


class Span(Protocol):
    """Consecutive steps, such as a phase of a run."""

    @property
    def end_step(self) -> int:
        """Return the first step after it."""

    def describe_batch(self, step: int) -> str:
        """Say which records a step trains on."""


@dataclass(frozen=True, kw_only=True)
class LoopEvents:
    """What happens between steps. Each handler gets the number of steps done so far."""

    on_compile: Callable[[int], None]
    """Before the first step of a phase, which compiles."""
    on_first_step: Callable[[int], None]
    """After that step; not called if it is logged."""
    on_log: Callable[[int, Scalars], None]
    """Every `log_every_steps` and at the end of a phase, with the means since the last time."""
    on_evaluate: Callable[[int], None] | None = None
    """Every `evaluate_every_steps` and at the end of the run; None: never."""
    on_save: Callable[[int], object]
    """Every `save_every_steps`, at the end of a phase, before a stable schedule decays, and before
    the run is stopped."""
    on_stop: Callable[[int], None]
    """After a stop signal, when the state is saved."""


def train_phase(
    *,
    settings: TrainerSettings,
    phase: Span,
    train_steps: TrainSteps,
    batches: Iterator[Any],
    step: tf.Variable,
    loss_weights: Mapping[str, float],
    events: LoopEvents,
    stop: Stop,
) -> None:
    """Train to the end of a phase.

    `batches` is positioned at `step`, the () int64 number of updates done so far, which
    `train_steps` increments.

    Raises:
        DivergedError: a loss or gradient is not finite; nothing is saved.
        StoppedError: a stop signal arrived; the same command resumes here.
    """
    interval = Interval()
    first, decay_start = int(step.numpy()), settings.decay_start()
    while (now := int(step.numpy())) < phase.end_step:
        # The first call compiles, so it runs a single step, which no rate counts.
        count = 1 if now == first else _steps_to_next_event(now, phase.end_step, settings)
        if now == first:
            events.on_compile(now)
        sums, first_bad_step = train_steps(batches, tf.constant(count, tf.int32))
        _check_finite(int(first_bad_step.numpy()), phase)
        interval.add(sums)
        now += count
        failpoint("train-steps")
        ends, logs = now == phase.end_step, now % settings.log_every_steps == 0
        if now == first + 1 and not (logs or ends):
            events.on_first_step(now)
        if logs or ends:
            events.on_log(now, interval.means(loss_weights))
            interval = Interval()
        if events.on_evaluate and _is_evaluated(now, settings):
            events.on_evaluate(now)
        signal = stop()
        if now % settings.save_every_steps == 0 or ends or signal or now == decay_start:
            events.on_save(now)
        if signal and now < settings.steps:
            events.on_stop(now)
            raise StoppedError(128 + signal)


class Interval:
    """Sums over the steps since the last log."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, sums: Sums) -> None:
        """Add the sums of some steps."""
        for name, ratio in sums.items():
            numerator, denominator = self._sums.get(name, (0.0, 0.0))
            self._sums[name] = (
                numerator + float(ratio.numerator.numpy()),
                denominator + float(ratio.denominator.numpy()),
            )

    def means(self, loss_weights: Mapping[str, float]) -> Scalars:
        """Return every mean, and `loss`, the weighted sum of the losses' means."""
        means = {name: n / d if d else 0.0 for name, (n, d) in self._sums.items()}
        return {"loss": sum(w * means[name] for name, w in loss_weights.items()), **means}


def _steps_to_next_event(now: int, end: int, settings: TrainerSettings) -> int:
    """Return how many steps one call may run without passing an event or the end."""
    s = settings
    intervals = s.steps_per_loop, s.log_every_steps, s.save_every_steps, s.evaluate_every_steps
    decay_start = s.decay_start()
    before_decay = [decay_start - now] if decay_start and now < decay_start else []
    return min(end - now, *before_decay, *(every - now % every for every in intervals if every))


def _is_evaluated(now: int, settings: TrainerSettings) -> bool:
    every = settings.evaluate_every_steps or settings.steps
    return now % every == 0 or now == settings.steps


def _check_finite(first_bad_step: int, phase: Span) -> None:
    if first_bad_step < 0:  # every loss and gradient was finite
        return
    raise DivergedError(
        f"Step {first_bad_step}: the loss or its gradient is not a finite number "
        f"({phase.describe_batch(first_bad_step)}). Lower trainer.learning_rate or raise "
        f"trainer.warmup_steps; the last checkpoint is from an earlier step."
    )
