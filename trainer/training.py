"""Instances and settings to a trained, exported model: the whole of one training run."""

import functools
import logging
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import tensorflow as tf

from core import storage
from core.errors import InputError, TextmillError
from core.failpoints import failpoint
from trainer.devices.peak import measure_peak
from trainer.devices.stop_signals import note_stop_signals
from trainer.devices.strategy import Choice, select_strategy
from trainer.devices.workers import Workers
from trainer.export.export import export_model
from trainer.input.distribute import distribute_batches
from trainer.input.instances import check_fit, open_instances, verify_instances
from trainer.loop.best_weights import BestWeights
from trainer.loop.checkpoints import Checkpoints
from trainer.loop.held_out import HeldOut
from trainer.loop.loop import Looks, train
from trainer.loop.make_steps import make_steps
from trainer.loop.phases import Phase, plan_phases
from trainer.loop.state import State, run_digest, start_state
from trainer.models.parameters import count_parameters
from trainer.objectives.choose import PreTraining, choose_objective
from trainer.report.figures import Figures, compute_figures, sum_figures
from trainer.report.progress import Pace, Progress
from trainer.report.run_facts import Facts, portable_settings, run_facts
from trainer.settings.training import TrainingSettings
from trainer.warm_start.start import resolve_latest_blessed

log = logging.getLogger(__name__)

# What TensorFlow raises where another worker is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class WorkerLostError(TextmillError):
    """A worker that trained along is gone."""


def train_and_export(
    settings: TrainingSettings,
    instances_folders: Sequence[str],
    model_folder: str,
    run_folder: str,
    latest_blessed: str | None = None,
) -> None:
    """Trains a model, or goes on where a stopped run left off, and exports it.

    Where several workers train together, each calls this with the same arguments; the chief
    writes, and all return when everything is written.

    Args:
        settings: model, masking and training.
        instances_folders: the instances of each phase.
        model_folder: for the SavedModel and the `transformers` folder.
        run_folder: for TensorBoard's events and `training.json`.
        latest_blessed: the folder that `model.start_from: latest_blessed` stands for; None if no
            model was blessed so far, and the weights are drawn.

    Raises:
        InputError: instances, settings or device do not fit together; before the first step.
    """
    asked, settings = settings, resolve_latest_blessed(settings, latest_blessed)
    choice = select_strategy(settings.trainer.device)  # First: TensorFlow wants it so.
    instances = [open_instances(folder) for folder in instances_folders]
    phases = plan_phases(settings.trainer, instances)
    objective = choose_objective(settings.model, instances[0])
    for of_phase in instances:
        check_fit(of_phase, objective.model.architecture, settings.masking)
        verify_instances(of_phase)
    with choice.strategy.scope():
        state = start_state(settings, objective)
    workers = Workers(choice.strategy)
    try:
        values, facts = _train(settings, phases, choice, workers, objective, state, run_folder)
        # Where the latest blessed model lay would make equal models differ.
        facts["settings"] = portable_settings(asked)
        failpoint("before-export")
        if workers.is_chief:
            export_model(model_folder, objective.model, values, instances[-1], facts)
        workers.wait()
    except _LOST as error:
        if workers.count == 1:
            raise
        raise WorkerLostError(
            f"One of the {workers.count} workers is gone ({type(error).__name__}; its own log says "
            f"why). Start all of them again: they go on from the last checkpoint in "
            f"{settings.checkpoint_root}."
        ) from error


def _train(
    settings: TrainingSettings,
    phases: Sequence[Phase],
    choice: Choice,
    workers: Workers,
    objective: PreTraining,
    state: State,
    run_folder: str,
) -> tuple[dict[str, np.ndarray], Facts]:
    """Trains the state to the last step; returns the weights to export and the run's facts."""
    s = settings.trainer
    digest = run_digest(settings, [phase.instances for phase in phases])
    folder = storage.join(settings.checkpoint_root, digest)
    checkpoints = Checkpoints(
        folder,
        state.everything(),
        state.step,
        keep=s.keep_checkpoints,
        writes=workers.is_chief,
        facts={
            "model.type": settings.model.type,
            "vocabulary": phases[0].instances.vocabulary.digest,
        },
    )
    resumed = checkpoints.restore_latest()
    _check_same_step(workers, state.now(), settings.checkpoint_root)
    figures = [_work_out(settings, phase, objective) for phase in phases]
    in_all = sum_figures(figures)
    peak = _peak(settings, choice)
    progress = Progress(
        run_folder if workers.is_chief else None,
        asdict(in_all),
        [_pace(*pair) for pair in zip(phases, figures, strict=True)],
        first_step=state.now(),
        peak=peak,
    )
    for line in (choice.explanation, *in_all.lines()):
        progress.show(line)
    if resumed:
        progress.show(f"Resuming from {resumed}")
    best = BestWeights(folder, state.variables) if s.export == "best" else None
    with note_stop_signals(workers) as stop:
        for phase in phases:
            if state.now() >= phase.end_step:
                continue
            batches = functools.partial(
                phase.batches, settings.masking, seed=settings.seed, step=state.now()
            )
            size = phase.settings.global_batch_size
            train(
                make_steps(
                    phase.settings,
                    choice.strategy,
                    objective,
                    state,
                    seed=settings.seed,
                    rate=phase.rate,
                ),
                iter(distribute_batches(choice.strategy, batches, size)),
                state.step,
                phase,
                objective.loss_weights,
                Looks(
                    settings=s,
                    checkpoints=checkpoints,
                    progress=progress,
                    stop=stop,
                    held_out=_held_out(settings, phase, choice, objective, state),
                    best=best if workers.is_chief else None,
                ),
            )
    facts = run_facts(settings, choice, in_all)
    values = state.values()
    if best and workers.is_chief:
        kept, values = best.read()
        facts |= {"exported_step": kept.step, "held_out_loss": kept.loss}
    progress.close({"finished": True, "resumed_from": resumed, **facts})
    return values, facts


def _check_same_step(workers: Workers, step: int, checkpoint_root: str) -> None:
    steps = workers.gather(step)
    if len(set(steps)) > 1:
        raise InputError(
            f"The workers found checkpoints of the steps {steps}. checkpoint_root "
            f"({checkpoint_root}) has to be a folder that all of them see."
        )


def _held_out(
    settings: TrainingSettings,
    phase: Phase,
    choice: Choice,
    objective: PreTraining,
    state: State,
) -> HeldOut | None:
    s = phase.settings
    if s.evaluate_every_steps is None:
        return None
    return HeldOut(
        choice.strategy,
        objective,
        state.variables,
        phase.instances,
        batch_size=s.global_batch_size // s.accumulate_steps,
        instances_at_most=s.evaluate_instances,
        seed=settings.seed,
    )


def _work_out(settings: TrainingSettings, phase: Phase, objective: PreTraining) -> Figures:
    return compute_figures(
        objective.model.architecture,
        parameters=count_parameters(objective.model.parameters()),
        seq_length=phase.instances.seq_length,
        max_predictions=phase.instances.max_predictions,
        batch_size=phase.settings.global_batch_size,
        steps=phase.end_step - phase.first_step,
        instances=phase.instances.size("train"),
        expected_first_loss=objective.expected_first_loss(),
    )


def _pace(phase: Phase, figures: Figures) -> Pace:
    return Pace(phase.end_step, figures.tokens_per_step, figures.flops_per_step)


def _peak(settings: TrainingSettings, choice: Choice) -> float:
    """FLOP/s of all devices together."""
    s = settings.trainer
    device = choice.strategy.extended.worker_devices[0]
    of_one = s.peak_flops or measure_peak(device, tf.as_dtype(s.precision))
    log.info("Peak of a device: %.3g FLOP/s (%s)", of_one, "as set" if s.peak_flops else "measured")
    return of_one * choice.strategy.num_replicas_in_sync
