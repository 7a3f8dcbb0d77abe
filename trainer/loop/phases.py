"""Plan the phases of a run: which instances it trains on, from which step to which."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import tensorflow as tf

from core.draw import draw_seed
from core.errors import InputError
from trainer.input.batches import training_batches
from trainer.input.instances import Instances
from trainer.input.length_buckets import batches_in_window
from trainer.objectives.objective import Objective
from trainer.optimizers import schedule
from trainer.report.figures import Figures, compute_figures
from trainer.report.large_batch import explain_large_batch
from trainer.settings.masking import MaskingSettings
from trainer.settings.phase import PhaseSettings
from trainer.settings.training import TrainerSettings


@dataclass(frozen=True)
class Phase:
    """A part of a run with one set of instances, batch size and learning rate schedule."""

    number: int  # from 1
    instances: Instances
    first_step: int
    end_step: int  # the first step after it
    settings: TrainerSettings  # of this phase; `steps` is the length of its schedule
    schedule_start: int  # the step at which the learning rate schedule starts

    def learning_rate(self, step: tf.Tensor) -> tf.Tensor:
        """Return the learning rate () float32 of a step () int64 of the run."""
        return schedule.learning_rate(self.settings, step - self.schedule_start)

    def describe_batch(self, step: int) -> str:
        """Say which records a step of the run trains on."""
        size, number = self.settings.global_batch_size, step - self.first_step
        window = batches_in_window(size) if self.settings.length_buckets else 1
        first = number // window * window * size
        return (
            f"batch {number % window + 1} of {window} made of the records at positions {first} to "
            f"{first + window * size - 1} in the training order of {self.instances.folder}"
        )

    def figures(self, objective: Objective) -> Figures:
        """Return what the phase costs."""
        return compute_figures(
            objective,
            self.instances,
            batch_size=self.settings.global_batch_size,
            steps=self.end_step - self.first_step,
        )

    def explain_large_batch(self) -> str | None:
        """Return a warning if a batch is larger than the train split."""
        return explain_large_batch(self.settings.global_batch_size, self.instances.size("train"))

    def batches(
        self, masking: MaskingSettings, rows: slice, *, seed: int, step: int
    ) -> tf.data.Dataset:
        """Return an endless dataset of rows of the global batches, from a step of the run on."""
        return training_batches(
            self.instances,
            masking,
            batch_size=self.settings.global_batch_size,
            # The first phase has the same order as a run without phases.
            seed=seed if self.number == 1 else draw_seed(seed, "phase", self.number),
            first_step=step - self.first_step,
            steps_before=self.first_step,
            length_buckets=self.settings.length_buckets,
            rows=rows,
        )


def plan_phases(settings: TrainerSettings, instances: Sequence[Instances]) -> list[Phase]:
    """Return the phases of a run, in order.

    Raises:
        InputError: the number of sets of instances is not the number of phases, or the sets do not
            belong together.
    """
    if len(instances) != 1 + len(settings.phases):
        raise InputError(
            f"There are {1 + len(settings.phases)} phases (the first one and trainer.phases), but "
            f"{len(instances)} sets of instances. Give the Trainer one set per phase."
        )
    schedules = [0, *(p.from_step for p in settings.phases if p.learning_rate), settings.steps]
    for number, changes in enumerate(settings.phases, 2):
        _check(changes, instances[number - 1], instances[0], number)
    phases: list[Phase] = []
    spans = pairwise(settings.phase_boundaries())
    for number, ((first, end), merged) in enumerate(zip(spans, settings.by_phase(), strict=True)):
        start, stop = next(span for span in pairwise(schedules) if span[0] <= first < span[1])
        own = merged.model_copy(update={"steps": stop - start})
        phases.append(Phase(number + 1, instances[number], first, end, own, start))
    return phases


def _check(settings: PhaseSettings, own: Instances, first: Instances, number: int) -> None:
    """Check that a phase's instances have its length, and otherwise match the first phase's."""
    differences = [
        f"{name} {actual} instead of {expected}"
        for name, actual, expected in (
            ("seq_length", own.seq_length, settings.seq_length),
            ("vocabulary", own.vocabulary.digest[:12], first.vocabulary.digest[:12]),
            ("objective", own.objective, first.objective),
        )
        if actual != expected
    ]
    if differences:
        raise InputError(
            f"{own.folder}: the instances of phase {number} have {', '.join(differences)}. "
            f"Run InstanceGen again with the recipe's settings."
        )
