"""TFX's door: what the Trainer component calls, unpacked into the trainer's own words."""

from typing import Any

from trainer.errors import InputError
from trainer.settings import TrainingSettings
from trainer.training import train_and_export


def run_fn(fn_args: Any) -> None:
    """Trains and exports, for `tfx.components.Trainer(run_fn="trainer.run_fn.run_fn")`.

    Args:
        fn_args: TFX's FnArgs. `custom_config["training"]` is TrainingSettings as JSON;
            `train_files` holds one glob, `…/Split-train/*`, in the instances artifact;
            `serving_model_dir` and `model_run_dir` are written.
    """
    settings = TrainingSettings.model_validate_json(fn_args.custom_config["training"])
    if len(fn_args.train_files) != 1:
        raise InputError(
            f"The trainer reads one instances artifact, and got {len(fn_args.train_files)}: "
            f"{fn_args.train_files}."
        )
    instances_folder = fn_args.train_files[0].rsplit("/", 2)[0]
    train_and_export(settings, instances_folder, fn_args.serving_model_dir, fn_args.model_run_dir)
