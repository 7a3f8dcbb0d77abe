"""Run the training of TFX's Trainer component."""

from typing import Any

from trainer.job import TrainingJob
from trainer.training import train_and_export


def run_fn(fn_args: Any) -> None:
    """Train and export a model, for `tfx.components.Trainer(run_fn="trainer.run_fn.run_fn")`.

    Args:
        fn_args: TFX's FnArgs; `TrainingJob.from_fn_args` says what they hold.
    """
    run_job(TrainingJob.from_fn_args(fn_args))


def run_job(job: TrainingJob) -> None:
    """Train and export the model that a job describes."""
    train_and_export(job.settings, job.instances, job.model, job.run, job.latest_blessed, job.tasks)
