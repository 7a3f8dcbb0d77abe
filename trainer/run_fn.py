"""Run the training of TFX's Trainer component."""

from typing import Any

from trainer.settings.training import TrainingSettings
from trainer.training import train_and_export


def run_fn(fn_args: Any) -> None:
    """Train and export a model, for `tfx.components.Trainer(run_fn="trainer.run_fn.run_fn")`.

    Args:
        fn_args: TFX's FnArgs. `custom_config["training"]` is TrainingSettings as JSON;
            `train_files` holds one glob, `…/Split-train/*`, for the instances of each phase;
            `base_model` is the folder that `model.start_from: latest_blessed` stands for, or None;
            `serving_model_dir` and `model_run_dir` are written.
    """
    train_and_export(
        TrainingSettings.model_validate_json(fn_args.custom_config["training"]),
        [glob.rsplit("/", 2)[0] for glob in fn_args.train_files],
        fn_args.serving_model_dir,
        fn_args.model_run_dir,
        latest_blessed=fn_args.base_model,
    )
