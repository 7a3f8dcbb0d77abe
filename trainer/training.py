"""Train a model on instances and export it: one training run from start to end."""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from core.failpoints import failpoint
from core.gcs.lease import Lease, hold
from trainer.devices.memory import explain_lack_of_memory
from trainer.devices.peak import peak_flops
from trainer.devices.stop_signals import Stop, note_stop_signals
from trainer.devices.workers import explain_lost_workers
from trainer.export.export import export_model
from trainer.input.distribute import distribute_batches
from trainer.loop.best_weights import BestWeights
from trainer.loop.checkpoints import Checkpoints, checkpoint_folder
from trainer.loop.held_out import HeldOut
from trainer.loop.longer_runs import shared_checkpoints
from trainer.loop.loop import LoopEvents, train_phase
from trainer.loop.phases import Phase
from trainer.loop.state import run_name
from trainer.loop.step import make_train_steps
from trainer.report.figures import sum_figures
from trainer.report.progress import Pace, Progress
from trainer.report.run_facts import Facts, portable_settings, run_facts
from trainer.run import Run, prepare_run
from trainer.settings.training import TrainingSettings
from trainer.warm_start.start import resolve_latest_blessed


def train_and_export(
    settings: TrainingSettings,
    instances_folders: Sequence[str],
    model_folder: str,
    run_folder: str,
    latest_blessed: str | None = None,
    tasks: Sequence[str] = (),
) -> None:
    """Train a model, or resume a stopped run, and export it.

    Where several workers train together, each calls this with the same arguments; the chief
    writes, and all return when everything is written.

    Args:
        settings: model, masking and training.
        instances_folders: the instances of each phase.
        model_folder: for the SavedModel and the `transformers` folder.
        run_folder: for TensorBoard's events and `training.json`.
        latest_blessed: the folder that `model.start_from: latest_blessed` stands for. None: no
            model is blessed yet, and the initial weights are random.
        tasks: the files of `trainer.evaluate_tasks`.

    Raises:
        InputError: instances, settings or device do not fit together; before the first step.
    """
    run = prepare_run(resolve_latest_blessed(settings, latest_blessed), instances_folders, tasks)
    folder = _checkpoint_folder(run)
    held = hold(folder) if run.workers.is_chief else contextlib.nullcontext()
    with explain_lost_workers(run.workers, run.settings.checkpoint_root), held as lease:
        values, facts = _train(run, run_folder, _open_checkpoints(run, folder, lease))

        # --- Export ---------------------------------------------------------------------------
        # Record the settings before `latest_blessed` was replaced by a path, so that equal models
        # have equal bytes.
        facts["settings"] = portable_settings(settings)
        failpoint("before-export")
        if run.workers.is_chief:
            instances = run.phases[-1].instances
            export_model(model_folder, run.objective.model, values, instances, facts)
        run.workers.leave()


def _train(
    run: Run, run_folder: str, checkpoints: Checkpoints
) -> tuple[dict[str, np.ndarray], Facts]:
    """Train to the last step; return the weights to export and the facts of the run."""
    settings, state = run.settings, run.state

    # --- Resume from the newest checkpoint ----------------------------------------------------
    others, not_continued = shared_checkpoints(settings.trainer, checkpoints.folder)
    resumed = checkpoints.restore_latest(others)
    run.workers.check_same_step(state.steps_done(), settings.checkpoint_root)

    # --- Report what is known before the first step -------------------------------------------
    progress = _start_progress(run, run_folder, checkpoints.history)
    if resumed:
        progress.show(f"Resuming from {resumed}")
    elif not_continued:
        progress.warn(not_continued)
    if run.probes and not progress.task_scores:
        progress.report_held_out(state.steps_done(), scores=run.probes())

    # --- Loop, phase by phase -----------------------------------------------------------------
    export_best = settings.trainer.export == "best"
    best = BestWeights(checkpoints.folder, state.variables) if export_best else None
    with note_stop_signals(run.workers) as stop:
        for phase in run.phases:
            if state.steps_done() < phase.end_step:
                events = _make_event_handlers(run, phase, checkpoints, progress, best)
                _train_phase(run, phase, events, stop)

    # --- Weights to export --------------------------------------------------------------------
    total = sum_figures([phase.figures(run.objective) for phase in run.phases])
    facts, values = run_facts(settings, run.devices, total), state.values()
    if best and run.workers.is_chief:
        kept, values = best.read()
        facts |= {"exported_step": kept.step, "held_out_loss": kept.loss}
    if run.probes:
        facts["task_scores"] = [{**scores} for scores in progress.task_scores]
    progress.close({"finished": True, "resumed_from": resumed, **facts})
    return values, facts


def _checkpoint_folder(run: Run) -> str:
    name = run_name(run.settings, [phase.instances for phase in run.phases])
    return checkpoint_folder(run.settings.checkpoint_root, name)


def _open_checkpoints(run: Run, folder: str, lease: Lease | None) -> Checkpoints:
    return Checkpoints(
        folder,
        run.state.saved_variables(),
        run.state.step,
        keep=run.settings.trainer.keep_checkpoints,
        writes=run.workers.is_chief,
        lease=lease,
        facts={
            "model.type": run.settings.model.type,
            "vocabulary": run.phases[0].instances.vocabulary.digest,
        },
        kept_step=run.settings.trainer.decay_start(),
    )


def _start_progress(run: Run, folder: str, earlier: Mapping[str, Any]) -> Progress:
    figures = [phase.figures(run.objective) for phase in run.phases]
    total = sum_figures(figures)
    progress = Progress(
        folder if run.workers.is_chief else None,
        asdict(total),
        [
            Pace(phase.end_step, costs.tokens_per_step, costs.flops_per_step)
            for phase, costs in zip(run.phases, figures, strict=True)
        ],
        first_step=run.state.steps_done(),
        peak=peak_flops(run.settings.trainer, run.devices.strategy),
        earlier=earlier,
        tasks_digest=run.probes.digest if run.probes else "",
    )
    for line in (run.devices.explanation, *total.lines()):
        progress.show(line)
    for phase in run.phases:
        if warning := phase.explain_large_batch():
            progress.warn(warning)
    return progress


def _make_event_handlers(
    run: Run, phase: Phase, checkpoints: Checkpoints, progress: Progress, best: BestWeights | None
) -> LoopEvents:
    def save(_: int) -> None:
        checkpoints.save(progress.history())
        progress.upload_events()

    def stop(_: int) -> None:
        progress.close({"finished": False})
        run.workers.leave()  # the chief has saved

    return LoopEvents(
        on_compile=progress.start_compilation,
        on_first_step=progress.start_clock,
        on_log=progress.report,
        on_evaluate=_make_held_out_evaluation(run, phase, progress, best),
        on_save=save,
        on_stop=stop,
    )


def _make_held_out_evaluation(
    run: Run, phase: Phase, progress: Progress, best: BestWeights | None
) -> Callable[[int], None] | None:
    s = phase.settings
    if s.evaluate_every_steps is None:
        return None
    held_out = HeldOut(
        run.devices.strategy,
        run.objective,
        run.state.variables,
        phase.instances,
        batch_size=s.global_batch_size // s.accumulate_steps,
        max_instances=s.evaluate_instances,
        seed=run.settings.seed,
    )

    def evaluate(step: int) -> None:
        means = held_out()
        if best and run.workers.is_chief:
            best.offer(step, phase.number, held_out.deciding_loss(means))
        progress.report_held_out(step, means, run.probes() if run.probes else None)

    return evaluate


def _train_phase(run: Run, phase: Phase, events: LoopEvents, stop: Stop) -> None:
    settings, state, strategy = run.settings, run.state, run.devices.strategy

    # --- Input: the global batches from this step on, divided among the replicas --------------
    size, start = phase.settings.global_batch_size, state.steps_done()
    batches = functools.partial(phase.batches, settings.masking, seed=settings.seed, step=start)
    iterator = iter(distribute_batches(strategy, batches, size))

    # --- Loop ---------------------------------------------------------------------------------
    train_steps = make_train_steps(
        phase.settings,
        strategy,
        run.objective,
        state,
        seed=settings.seed,
        schedule=phase.learning_rate,
    )
    copy = phase.instances.train_copy
    with (
        explain_lack_of_memory(phase.settings, strategy.num_replicas_in_sync),
        copy.raising_failures() if copy else contextlib.nullcontext(),
    ):
        train_phase(
            settings=settings.trainer,
            phase=phase,
            train_steps=train_steps,
            batches=iterator,
            step=state.step,
            loss_weights=run.objective.loss_weights,
            events=events,
            stop=stop,
        )
