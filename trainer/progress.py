"""A run's numbers to those who look: a progress line, the log, TensorBoard, `training.json`."""

import json
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import tensorflow as tf
from pydantic import JsonValue

from trainer import storage
from trainer.figures import Figures

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

log = logging.getLogger(__name__)

HISTORY = "training.json"
Scalars = dict[str, float]


class Progress:
    """Shows how the training goes, and keeps it.

    Somebody at a terminal sees one moving line; a log gets a plain line every interval.

    Args:
        folder: for TensorBoard's events and `training.json`.
        figures: known before step 0.
        first_step: updates made by earlier runs of this training.
        steps: updates in all.
    """

    def __init__(self, folder: str, figures: Figures, *, first_step: int, steps: int) -> None:
        self._folder = folder
        self._figures = figures
        self._steps = steps
        self._history: list[Scalars] = _earlier_history(folder, first_step)
        self._writer = tf.summary.create_file_writer(folder)
        self._started = self._last_time = time.perf_counter()
        self._first_step = self._last_step = first_step
        self._bar = _start_bar(first_step, steps) if sys.stderr.isatty() else None

    def report(self, step: int, scalars: Scalars) -> None:
        """Takes the means over the last interval, which ends at a step."""
        now = time.perf_counter()
        tokens = (step - self._last_step) * self._figures.tokens_per_step
        rate = tokens / max(1e-9, now - self._last_time)
        left = (self._steps - step) * self._figures.tokens_per_step / rate
        self._last_step, self._last_time = step, now
        scalars = {**scalars, "tokens_per_second": rate}
        self._history.append({"step": step, **scalars})
        with self._writer.as_default(step=step):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)
        text = _describe(scalars)
        if self._bar is None:
            log.info("step %d of %d: %s, %s left", step, self._steps, text, _clock(left))
        else:
            self._bar.update(self._bar.task_ids[0], completed=step, text=text)

    def close(self, facts: Mapping[str, JsonValue]) -> float:
        """Writes `training.json`; returns the seconds since the start."""
        if self._bar is not None:
            self._bar.stop()
        self._writer.close()
        seconds = time.perf_counter() - self._started
        done = (self._last_step - self._first_step) * self._figures.tokens_per_step
        content = {
            "history": self._history,
            "seconds": seconds,
            "tokens_per_second": done / max(1e-9, seconds),
            "figures": asdict(self._figures),
            **facts,
        }
        text = json.dumps(content, indent=1) + "\n"
        storage.write_bytes(storage.join(self._folder, HISTORY), text.encode())
        return seconds


def _earlier_history(folder: str, first_step: int) -> list[Scalars]:
    """What an earlier part of this training, which was stopped, left in the same folder."""
    path = storage.join(folder, HISTORY)
    if not first_step or not storage.exists(path):
        return []
    history: list[Scalars] = json.loads(storage.read_bytes(path))["history"]
    return [scalars for scalars in history if scalars["step"] <= first_step]


def _describe(scalars: Scalars) -> str:
    return (
        f"loss {scalars['loss']:.4f}, learning rate {scalars['learning_rate']:.2e}, "
        f"{scalars['tokens_per_second']:,.0f} tokens/s"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _start_bar(first_step: int, steps: int) -> "RichProgress":
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("Training"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[text]}"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    bar.start()
    bar.add_task("Training", total=steps, completed=first_step, text="compiling the first step")
    return bar
