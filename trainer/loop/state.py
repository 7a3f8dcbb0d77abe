"""Create the state that training changes, and name the run by a digest."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from trainer.huggingface.read import read_model
from trainer.input.instances import Instances
from trainer.models.parameters import first_values, make_variables
from trainer.objectives.objective import Objective
from trainer.optimizers.adamw import Optimizer
from trainer.settings.training import TrainingSettings
from trainer.warm_start.digests import start_key
from trainer.warm_start.start import start_values


@dataclass(frozen=True)
class State:
    """Everything that a step changes."""

    variables: dict[str, tf.Variable]  # by Hugging Face's names
    optimizer: Optimizer
    step: tf.Variable  # () int64, updates done so far

    def saved_variables(self) -> dict[str, tf.Variable]:
        """Return everything that a checkpoint holds, except for the step."""
        return {**self.variables, **self.optimizer.slots}

    def values(self) -> dict[str, np.ndarray]:
        """Return the weights."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def steps_done(self) -> int:
        """Return the number of updates done so far."""
        return int(self.step.numpy())


def start_state(settings: TrainingSettings, objective: Objective) -> State:
    """Create the state before step 0; call it in the strategy's scope."""
    parameters = objective.model.parameters()
    deviation = objective.model.architecture.initializer_range
    values = first_values(parameters, deviation=deviation, seed=settings.seed)
    if folder := settings.model.start_from:
        sharing = settings.model.electra.embedding_sharing
        _, folder_values = read_model(folder, settings.model.generator_from, sharing)
        values = start_values(values, folder_values, parameters, folder)
    variables = make_variables(values)
    step = tf.Variable(
        0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
    )
    return State(variables, Optimizer(variables, settings.trainer), step)


def run_name(settings: TrainingSettings, instances: Sequence[Instances]) -> str:
    """Return what a run's result depends on; it names its folder.

    That is a digest, and the number of steps, so that a run with another number can be found.
    """
    computed = settings.computed()
    del computed["trainer"]["steps"]
    computed["instances"] = [part.manifest.content_digest() for part in instances]
    if settings.model.start_from:
        computed["start"] = start_key(settings.model)
    digest = hashlib.sha256(json.dumps(computed, sort_keys=True).encode()).hexdigest()[:20]
    return f"{digest}-{settings.trainer.steps}"
