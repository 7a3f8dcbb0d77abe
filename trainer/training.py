"""Instances and settings to a trained, exported model: the whole of one training run."""

import functools
import hashlib
import json
import logging
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import tensorflow as tf
from pydantic import JsonValue

from trainer import storage
from trainer.batches import share_out, training_batches
from trainer.checkpoints import Checkpoints
from trainer.errors import InputError
from trainer.export import export_model
from trainer.failpoints import failpoint
from trainer.figures import Figures, work_out
from trainer.instances import Instances, check_fit, open_instances, verify_instances
from trainer.loop import train
from trainer.models.parameters import count_parameters, first_values, make_variables
from trainer.objectives.choose import PreTraining, choose_objective
from trainer.optimizers.adamw import Optimizer
from trainer.optimizers.schedule import learning_rate
from trainer.progress import Progress
from trainer.provenance import git_state, hardware, image_digest
from trainer.settings import TrainerSettings, TrainingSettings
from trainer.step import ReplicaStep, TrainSteps, make_replica_step, make_train_steps
from trainer.strategy import Choice, accelerators, select_strategy
from trainer.warm_start import read_start, start_digest, start_values

log = logging.getLogger(__name__)

# These change how a run is watched, not what it computes.
WATCHING = {"log_every_steps", "save_every_steps", "keep_checkpoints", "steps_per_loop"}


def train_and_export(
    settings: TrainingSettings, instances_folder: str, model_folder: str, run_folder: str
) -> None:
    """Trains a model, or goes on where a stopped run left off, and exports it.

    Args:
        settings: model, masking and training.
        instances_folder: the instances artifact.
        model_folder: for the SavedModel and the `transformers` folder.
        run_folder: for TensorBoard's events and `training.json`.

    Raises:
        InputError: instances, settings or device do not fit together; before the first step.
    """
    instances = open_instances(instances_folder)
    objective = choose_objective(settings.model, instances)
    check_fit(instances, objective.model.architecture, settings.masking)
    verify_instances(instances)
    choice = select_strategy(settings.trainer.device)
    with choice.strategy.scope():
        state = start_state(settings, objective)
    facts = _train(settings, instances, choice, objective, state, run_folder)
    failpoint("before-export")
    export_model(model_folder, objective.model, state.values(), instances, facts)


@dataclass(frozen=True)
class State:
    """Everything that a step changes."""

    variables: dict[str, tf.Variable]  # by Hugging Face's names
    optimizer: Optimizer
    step: tf.Variable  # () int64, updates made so far

    def everything(self) -> dict[str, tf.Variable]:
        """What a checkpoint holds, beside the step."""
        return {**self.variables, **self.optimizer.slots}

    def values(self) -> dict[str, np.ndarray]:
        """The weights."""
        return {name: variable.numpy() for name, variable in self.variables.items()}


def start_state(settings: TrainingSettings, objective: PreTraining) -> State:
    """The state before step 0; call it in the strategy's scope."""
    parameters = objective.model.parameters()
    deviation = objective.model.architecture.initializer_range
    values = first_values(parameters, deviation=deviation, seed=settings.seed)
    if folder := settings.model.start_from:
        values = start_values(values, read_start(folder)[1], parameters, folder)
    variables = make_variables(values)
    step = tf.Variable(
        0,
        dtype=tf.int64,
        trainable=False,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
    return State(variables, Optimizer(variables, settings.trainer), step)


def run_digest(settings: TrainingSettings, instances: Instances) -> str:
    """What a run's checkpoints are found by: everything that its result depends on."""
    computed = settings.model_dump(mode="json", exclude={"checkpoint_root"})
    computed["trainer"] = {k: v for k, v in computed["trainer"].items() if k not in WATCHING}
    computed["instances"] = instances.manifest.content_digest()
    if folder := settings.model.start_from:
        computed["start"] = start_digest(folder)
    return hashlib.sha256(json.dumps(computed, sort_keys=True).encode()).hexdigest()[:20]


def _train(
    settings: TrainingSettings,
    instances: Instances,
    choice: Choice,
    objective: PreTraining,
    state: State,
    run_folder: str,
) -> dict[str, JsonValue]:
    """Trains the state to the last step; returns the facts of the run for the manifest."""
    s = settings.trainer
    folder = storage.join(settings.checkpoint_root, run_digest(settings, instances))
    checkpoints = Checkpoints(folder, state.everything(), state.step, keep=s.keep_checkpoints)
    resumed = checkpoints.restore_latest()
    figures = _work_out(settings, instances, objective)
    for line in (choice.explanation, *figures.lines()):
        log.info("%s", line)
    if resumed:
        log.info("Going on from %s", resumed)
    first_step = int(state.step.numpy())
    batches = training_batches(
        instances,
        settings.masking,
        batch_size=s.global_batch_size,
        seed=settings.seed,
        first_step=first_step,
    )
    progress = Progress(run_folder, figures, first_step=first_step, steps=s.steps)
    train(
        make_steps(settings, choice.strategy, objective, state),
        iter(share_out(choice.strategy, batches, s.global_batch_size)),
        state.step,
        checkpoints,
        progress,
        s,
        objective.loss_weights,
    )
    facts: dict[str, JsonValue] = {
        "strategy": choice.explanation,
        "replicas": choice.strategy.num_replicas_in_sync,
        "parameters": figures.parameters,
        "steps": s.steps,
        "tokens_seen": figures.tokens_in_all,
        "seed": settings.seed,
        "start_digest": start_digest(start) if (start := settings.model.start_from) else None,
        "code_digest": settings.code_digest,
        "git": git_state(),
        "image_digest": image_digest(),
        "hardware": hardware(accelerators(choice.strategy)),
        "settings": settings.model_dump(mode="json", exclude={"checkpoint_root", "code_digest"}),
        "versions": {name: version(name) for name in ("tensorflow", "numpy")},
    }
    progress.close({"finished": True, "resumed_from": resumed, **facts})
    return facts


def make_steps(
    settings: TrainingSettings,
    strategy: tf.distribute.Strategy,
    objective: PreTraining,
    state: State,
) -> TrainSteps:
    """The compiled function that trains some steps.

    Raises:
        InputError: replicas and parts do not divide the batch.
    """
    _check_batch(settings.trainer, strategy.num_replicas_in_sync)
    replica_step = step_of_replica(settings, objective, state)
    names = (*objective.loss_weights, *objective.measures, "gradient_norm", "learning_rate")
    return make_train_steps(strategy, replica_step, state.step, names)


def step_of_replica(
    settings: TrainingSettings, objective: PreTraining, state: State
) -> ReplicaStep:
    """The step as each replica runs it."""
    s = settings.trainer
    return make_replica_step(
        objective,
        state.variables,
        state.optimizer,
        functools.partial(learning_rate, s),
        compute_type=tf.as_dtype(s.precision),
        clip_norm=s.clip_norm,
        seed=settings.seed,
        accumulate_steps=s.accumulate_steps,
    )


def _check_batch(s: TrainerSettings, replicas: int) -> None:
    parts = replicas * s.accumulate_steps
    if s.global_batch_size % parts:
        raise InputError(
            f"trainer.global_batch_size {s.global_batch_size} is not a multiple of {replicas} "
            f"replicas x {s.accumulate_steps} parts (trainer.accumulate_steps). Take "
            f"{s.global_batch_size // parts * parts or parts}, for example."
        )


def _work_out(settings: TrainingSettings, instances: Instances, objective: PreTraining) -> Figures:
    return work_out(
        objective.model.architecture,
        parameters=count_parameters(objective.model.parameters()),
        seq_length=instances.seq_length,
        max_predictions=instances.max_predictions,
        batch_size=settings.trainer.global_batch_size,
        steps=settings.trainer.steps,
        instances=instances.size("train"),
        expected_first_loss=objective.expected_first_loss(),
    )
