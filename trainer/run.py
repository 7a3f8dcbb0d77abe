"""Prepare a training run: devices, instances, model, weights and tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trainer.devices.strategy import DeviceChoice, select_strategy, set_matmul_precision
from trainer.devices.workers import Workers
from trainer.downstream.curve import TaskProbes
from trainer.downstream.task_files import read_task_files
from trainer.input.instances import check_fit, open_instances, verify_instances
from trainer.loop.phases import Phase, plan_phases
from trainer.loop.state import State, start_state
from trainer.objectives.choose import choose_objective
from trainer.objectives.objective import Objective
from trainer.settings.training import TrainingSettings


@dataclass(frozen=True)
class Run:
    """The parts of a training run."""

    settings: TrainingSettings
    devices: DeviceChoice
    workers: Workers
    phases: Sequence[Phase]
    objective: Objective
    state: State
    probes: TaskProbes | None  # of the chief, if there are tasks


def prepare_run(
    settings: TrainingSettings, instances_folders: Sequence[str], task_files: Sequence[str]
) -> Run:
    """Open and check what a run needs.

    Raises:
        InputError: instances, tasks, settings or device do not fit together.
    """
    # --- Devices: first, because TensorFlow requires it ---------------------------------------
    set_matmul_precision(settings.trainer.precision)
    devices = select_strategy(settings.trainer.device)
    workers = Workers(devices.strategy)

    # --- Instances: one set per phase ---------------------------------------------------------
    instances = [open_instances(folder) for folder in instances_folders]
    phases = plan_phases(settings.trainer, instances)

    # --- Model: the architecture, and what it learns ------------------------------------------
    objective = choose_objective(settings.model, instances[0])
    architecture = objective.model.architecture
    for phase in phases:
        check_fit(phase.instances, architecture, settings.masking)
    names = settings.trainer.evaluate_tasks
    tasks = read_task_files(names, task_files, architecture.max_position)
    phases = [replace(phase, instances=verify_instances(phase.instances)) for phase in phases]

    # --- State: weights, optimizer and step ---------------------------------------------------
    with devices.strategy.scope():
        state = start_state(settings, objective)

    # --- Tasks: probes of the weights during training -----------------------------------------
    probes = None
    if tasks and workers.is_chief:
        probes = TaskProbes(
            tasks, devices.strategy, objective.model, state.variables, instances[0].vocabulary
        )
    return Run(settings, devices, workers, phases, objective, state, probes)
