"""Report the progress of a run: a progress bar, the log, TensorBoard and `training.json`."""

import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from pydantic import JsonValue

from core import storage
from core.file_names import TRAINING
from core.gcs import object_store
from core.progress import can_draw
from core.temporary import TemporaryFolder
from trainer.report.terminal import describe_interval, room_beside_bar, start_bar

log = logging.getLogger(__name__)

# Environment: the folder that Vertex AI TensorBoard shows while a custom job runs.
TENSORBOARD_FOLDER = "AIP_TENSORBOARD_LOG_DIR"
Scalars = dict[str, float]


@dataclass(frozen=True)
class Pace:
    """The cost of each step of a phase, which ends with a given step."""

    end_step: int
    tokens_per_step: int
    flops_per_step: float


class Progress:
    """Shows the progress of training and saves its history.

    On a terminal it shows a progress bar; otherwise it logs one line per interval.

    Args:
        folder: for TensorBoard's events and `training.json`; None if another worker writes them.
        figures: computed before the first step.
        paces: of the phases, in order; the last one ends with the run.
        first_step: updates made before the run was resumed.
        peak: FLOP/s of all devices together; a higher speed replaces it. None: it is not known,
            and the share that is reached is not reported.
        earlier: what `history` returned before the run was resumed.
        tasks_digest: of the examples of downstream tasks; earlier scores on others are dropped.
    """

    def __init__(
        self,
        folder: str | None,
        figures: Mapping[str, JsonValue],
        paces: Sequence[Pace],
        *,
        first_step: int,
        peak: float | None,
        earlier: Mapping[str, Any] | None = None,
        tasks_digest: str = "",
    ) -> None:
        self._folder = folder
        self._figures = figures
        self._paces = paces
        self._peak = peak
        self._steps = paces[-1].end_step
        self._history: list[Scalars] = list((earlier or {}).get("history", ()))
        self._held_out: list[Scalars] = list((earlier or {}).get("held_out", ()))
        self._tasks_digest = tasks_digest
        scores = (earlier or {}).get("task_scores", {})
        self.task_scores: list[Scalars] = list(scores.get(tasks_digest, ()))
        # TensorFlow would upload a remote file of events again at each flush.
        is_remote = folder is not None and storage.is_remote(folder)
        self._buffer = TemporaryFolder("events") if is_remote else None
        events = self._buffer.name if self._buffer else folder
        # A run that was stopped and continues under another id has a folder without its events.
        is_new = bool(folder) and not storage.list_files(storage.join(str(folder), "events.*"))
        self._writer = tf.summary.create_file_writer(events) if events else None
        if is_new:
            for scalars in (*self._history, *self._held_out, *self.task_scores):
                self._write(int(scalars["step"]), scalars)
        self._started = self._last_time = time.perf_counter()
        self._first_step = self._last_step = first_step
        has_terminal = folder is not None and can_draw()
        self._bar = start_bar(first_step, self._steps) if has_terminal else None

    def show(self, line: str) -> None:
        """Show a line above the progress bar and log it."""
        log.info("%s", line)
        if self._bar is not None:  # paths stay whole, so that they can be copied
            self._bar.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def warn(self, line: str) -> None:
        """Show a line that the user should not miss, also where there is no terminal."""
        self.show(f"Warning: {line}")
        if self._bar is None and self._folder:
            print(f"Warning: {line}", file=sys.stderr)

    def history(self) -> dict[str, Any]:
        """Return the measurements so far, for a checkpoint."""
        scores = {self._tasks_digest: self.task_scores} if self.task_scores else {}
        return {"history": self._history, "held_out": self._held_out, "task_scores": scores}

    def start_compilation(self, step: int) -> None:
        """Say that the next step has to be compiled first."""
        self._last_time = time.perf_counter()
        self.show(f"Compiling step {step + 1}, which may take minutes")

    def start_clock(self, step: int) -> None:
        """Start measuring speed here, after a step that was compiled first."""
        now = time.perf_counter()
        self.show(f"Compiled step {step} and ran it in {now - self._last_time:.1f} s")
        self._last_step, self._last_time = step, now

    def report(self, step: int, scalars: Scalars) -> None:
        """Report the means over the interval that ends with a step and lies in one phase."""
        now = time.perf_counter()
        seconds, count = max(1e-9, now - self._last_time), step - self._last_step
        pace = next(pace for pace in self._paces if step <= pace.end_step)
        real = scalars["real_tokens"]
        tokens = real / scalars["filled_share"]  # with padding; length buckets remove some of it
        left = self._flops_after(step) * seconds / (count * pace.flops_per_step)
        speed = count * pace.flops_per_step / seconds * tokens / pace.tokens_per_step
        # The measured peak is too low if other processes kept the devices busy at that time.
        self._peak = self._peak and max(self._peak, speed)
        compiled = step == self._first_step + 1  # the time of a step that compiles says nothing
        self._last_step, self._last_time = step, now
        scalars = {
            **scalars,
            "tokens_per_second": count * tokens / seconds,
            "real_tokens_per_second": count * real / seconds,
            **({"share_of_peak": speed / self._peak} if self._peak else {}),
        }
        timed = {} if compiled else {"seconds": seconds}
        self._history.append({"step": step, **scalars, **timed})
        self._write(step, scalars)
        if self._bar is not None:
            text = describe_interval(scalars, left, room_beside_bar(self._bar, self._steps))
            self._bar.update(self._bar.task_ids[0], completed=step, text=text)
        elif self._folder:
            text = describe_interval(scalars, left)
            log.info("step %d of %d: %s", step, self._steps, text)

    def report_held_out(
        self, step: int, scalars: Scalars | None = None, scores: Scalars | None = None
    ) -> None:
        """Report measurements on held-out instances, and scores on downstream tasks.

        Their time does not count as training.
        """
        named = {f"held_out_{name}": value for name, value in (scalars or {}).items()}
        for measured, history in ((named, self._held_out), (scores, self.task_scores)):
            if measured:
                history.append({"step": step, **measured})
                self._write(step, measured)
        if self._folder:
            shown = {n: v for n, v in (scalars or {}).items() if "loss" in n} | (scores or {})
            text = ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
            self.show(f"step {step}, held out: {text}")
        self._last_time = time.perf_counter()

    def _write(self, step: int, scalars: Scalars) -> None:
        if self._writer is None:
            return
        with self._writer.as_default(step=step):
            for name, value in scalars.items():
                if name not in ("step", "seconds"):
                    tf.summary.scalar(name, value)

    def upload_events(self) -> None:
        """Upload TensorBoard's events, if they belong on an object store."""
        if self._buffer is None or self._writer is None or self._folder is None:
            return
        self._writer.flush()
        for file in Path(self._buffer.name).iterdir():
            object_store.upload(storage.join(self._folder, file.name), str(file))
            if folder := os.environ.get(TENSORBOARD_FOLDER):
                object_store.upload(storage.join(folder, file.name), str(file))

    def _flops_after(self, step: int) -> float:
        """Return the FLOPs of the steps after a step, summed over phases."""
        starts = [0, *(pace.end_step for pace in self._paces)]
        return sum(
            max(0, pace.end_step - max(step, start)) * pace.flops_per_step
            for start, pace in zip(starts, self._paces, strict=False)
        )

    def _mean_speed(self, name: str) -> float:
        """Return the mean over the whole run, without compilation and evaluation."""
        timed = [scalars for scalars in self._history if "seconds" in scalars]
        if not timed:  # a run of one step
            return self._history[-1][name] if self._history else 0.0
        seconds = sum(scalars["seconds"] for scalars in timed)
        return sum(scalars[name] * scalars["seconds"] for scalars in timed) / seconds

    def close(self, facts: Mapping[str, JsonValue]) -> None:
        """Stop the progress bar and write `training.json`."""
        if self._bar is not None:
            self._bar.stop()
        if self._writer is None or self._folder is None:
            return
        self.upload_events()
        self._writer.close()
        content = {
            "history": self._history,
            "held_out": self._held_out,
            **({"task_scores": self.task_scores} if self.task_scores else {}),
            "seconds": time.perf_counter() - self._started,
            "tokens_per_second": self._mean_speed("tokens_per_second"),
            "real_tokens_per_second": self._mean_speed("real_tokens_per_second"),
            "peak_flops_per_second": self._peak,
            "figures": dict(self._figures),
            **facts,
        }
        text = json.dumps(content, indent=1) + "\n"
        storage.write_bytes(storage.join(self._folder, TRAINING), text.encode())
