"""Describe a training job: settings, instances, and the folders to write."""

import hashlib
import json
from typing import Any, Self

from pydantic import Field, ValidationError

from core import storage
from core.errors import InputError
from core.manifest import read_manifest
from core.settings import Settings
from trainer.settings.training import TrainingSettings

TASK_FILES = "task_files"  # key of TFX's custom_config


class TrainingJob(Settings):
    """What a training run needs, as one JSON object.

    TFX's Trainer, the custom job on Vertex AI and `python -m trainer` all train by this.

    Example:
        {"settings": {"model": {"type": "bert", "size": "tiny"}, "masking": {},
                      "trainer": {"steps": 1000, "warmup_steps": 100}, "seed": 1,
                      "checkpoint_root": "work/checkpoints", "code_digest": ""},
         "instances": ["work/instances"], "model": "work/model", "run": "work/run"}
    """

    settings: TrainingSettings
    """Model, masking and training."""
    instances: tuple[str, ...] = Field(min_length=1, strict=False)
    """The folder of instances of each phase, in order."""
    model: str
    """Folder that is written: the SavedModel and the `transformers` folder."""
    run: str
    """Folder that is written: TensorBoard's events and `training.json`."""
    latest_blessed: str | None = None
    """The folder that `model.start_from: latest_blessed` stands for. None: no model is blessed."""
    tasks: tuple[str, ...] = Field(default=(), strict=False)
    """The files of `trainer.evaluate_tasks`, as a run writes them to `model_run/tasks`."""

    @classmethod
    def from_fn_args(cls, fn_args: Any) -> Self:
        """Return the job that TFX's FnArgs describe.

        Args:
            fn_args: `custom_config["training"]` is TrainingSettings as JSON; `train_files` holds
                one glob, `…/Split-train/*`, for the instances of each phase; `base_model` is the
                latest blessed model or None; `serving_model_dir` and `model_run_dir` are written;
                `custom_config["task_files"]` are the files of tasks, if there are any.
        """
        return cls(
            settings=TrainingSettings.model_validate_json(fn_args.custom_config["training"]),
            instances=tuple(glob.rsplit("/", 2)[0] for glob in fn_args.train_files),
            model=fn_args.serving_model_dir,
            run=fn_args.model_run_dir,
            latest_blessed=fn_args.base_model,
            tasks=fn_args.custom_config.get(TASK_FILES, ()),
        )

    def checkpoints_key(self) -> str:
        """Return a key that two jobs share only if they write the same checkpoints."""
        manifests = [read_manifest(folder).content_digest() for folder in self.instances]
        key = [self.settings.checkpoint_root, self.settings.computed(), manifests]
        text = json.dumps([*key, self.latest_blessed], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def command(self) -> list[str]:
        """Return the command that runs the job in an image with TensorFlow and without TFX."""
        return ["python", "-m", "trainer", self.model_dump_json(exclude_none=True)]


def read_job(job: str) -> TrainingJob:
    """Read a job.

    Args:
        job: a JSON object, or the path of a file that holds one.

    Raises:
        InputError: it is no valid job.
    """
    is_json = job.lstrip().startswith("{")
    try:
        return TrainingJob.model_validate_json(job if is_json else storage.read_bytes(job))
    except OSError as error:
        raise InputError(
            f"{job}: cannot be read ({error.strerror}). Give a JSON object, or a file of one."
        ) from error
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg'].removeprefix('Value error, ')}"
            for detail in error.errors()
        ]
        place = "The training job" if is_json else job
        raise InputError(f"{place} is invalid: {'; '.join(problems)}") from error
