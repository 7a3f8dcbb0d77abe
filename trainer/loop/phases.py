"""Settings and instances to the phases of a run: what is trained on, from which step to which."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import tensorflow as tf

from core.draw import draw_seed
from core.errors import InputError
from trainer.input.batches import training_batches
from trainer.input.instances import Instances
from trainer.input.length_buckets import batches_in_window
from trainer.optimizers.schedule import learning_rate
from trainer.settings.masking import MaskingSettings
from trainer.settings.training import PhaseSettings, TrainerSettings


@dataclass(frozen=True)
class Phase:
    """A part of a run whose steps are all alike."""

    number: int  # from 1
    instances: Instances
    first_step: int
    end_step: int  # the step after its last
    settings: TrainerSettings  # as they hold in this phase; `steps` are those of the schedule
    schedule_start: int  # the step that the learning rate's schedule counts from

    def rate(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate () float32 of a step () int64 of the run."""
        return learning_rate(self.settings, step - self.schedule_start)

    def batch_in_words(self, step: int) -> str:
        """Which records a step of the run trains on."""
        size, number = self.settings.global_batch_size, step - self.first_step
        window = batches_in_window(size) if self.settings.length_buckets else 1
        first = number // window * window * size
        return (
            f"batch {number % window + 1} of {window} that the records at positions {first} to "
            f"{first + window * size - 1} of the training order of {self.instances.folder} make"
        )

    def batches(
        self, masking: MaskingSettings, rows: slice, *, seed: int, step: int
    ) -> tf.data.Dataset:
        """Some rows of the phase's global batches, from a step of the run on, for ever."""
        return training_batches(
            self.instances,
            masking,
            batch_size=self.settings.global_batch_size,
            # The first phase's order is that of a run without phases.
            seed=seed if self.number == 1 else draw_seed(seed, "phase", self.number),
            first_step=step - self.first_step,
            steps_before=self.first_step,
            length_buckets=self.settings.length_buckets,
            rows=rows,
        )


def plan_phases(settings: TrainerSettings, instances: Sequence[Instances]) -> list[Phase]:
    """The phases, in order.

    Args:
        settings: the first phase's, with what the later ones change.
        instances: of each phase.

    Raises:
        InputError: there is not one set of instances for each phase, or the sets do not belong
            together.
    """
    if len(instances) != 1 + len(settings.phases):
        raise InputError(
            f"There are {1 + len(settings.phases)} phases (trainer.phases and the one before), and "
            f"{len(instances)} sets of instances. Give the Trainer one set for each."
        )
    anew = [0, *(p.from_step for p in settings.phases if p.learning_rate), settings.steps]
    for number, changes in enumerate(settings.phases, 2):
        _check(changes, instances[number - 1], instances[0], number)
    phases: list[Phase] = []
    spans = pairwise(settings.phase_boundaries())
    for number, ((first, end), merged) in enumerate(zip(spans, settings.by_phase(), strict=True)):
        start, stop = next(span for span in pairwise(anew) if span[0] <= first < span[1])
        of_phase = merged.model_copy(update={"steps": stop - start})
        phases.append(Phase(number + 1, instances[number], first, end, of_phase, start))
    return phases


def _check(changes: PhaseSettings, found: Instances, before: Instances, number: int) -> None:
    """A phase has the length that was asked for, and otherwise instances like the first one's."""
    differences = [
        f"{name} {of_phase} instead of {expected}"
        for name, of_phase, expected in (
            ("seq_length", found.seq_length, changes.seq_length),
            ("vocabulary", found.vocabulary.digest[:12], before.vocabulary.digest[:12]),
            ("objective", found.objective, before.objective),
        )
        if of_phase != expected
    ]
    if differences:
        raise InputError(
            f"{found.folder}: the instances of phase {number} have {', '.join(differences)}. "
            f"Run InstanceGen again with the recipe's settings."
        )
