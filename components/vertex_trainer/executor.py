"""Start a custom job on Vertex AI that trains with the values given at submission."""

import json
from typing import Any

from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import json_utils

from components.artifacts import Artifacts
from components.phased_trainer import executor as phased_trainer
from components.tfx_internals import training_jobs
from components.vertex_trainer.launch import (
    CHECKPOINTS_LABEL,
    RUN_LABEL,
    pipeline_job_label,
    run_job,
    run_label,
)
from components.vertex_trainer.overrides import override
from components.vertex_trainer.settings import PIPELINE_JOB_LABEL, LaunchSettings
from core import storage
from trainer.job import TrainingJob
from trainer.settings.training import TrainingSettings

CUSTOM_CONFIG = standard_component_specs.CUSTOM_CONFIG_KEY
LAUNCH = "launch"  # key of `LaunchSettings` in `custom_config`


class Executor(phased_trainer.Executor):
    """Start a job that runs `python -m trainer`, and wait for it.

    The job needs no TFX. It trains with the arguments that TFX's Trainer would give to `run_fn`.
    """

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Train on Vertex AI.

        Args:
            input_dict: `examples`, and optionally `base_model`.
            output_dict: `model`, `model_run`.
            exec_properties: TFX's, and those of `VertexTrainerSpec`.

        Raises:
            OverrideError: a value of the submission is invalid; no job was started.
            TrainingJobError: the job failed.
        """
        config = apply_submission(exec_properties)
        job = config.pop(training_jobs.JOB)
        launch = LaunchSettings(**config.pop(LAUNCH))
        model_uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.MODEL_KEY])
        job["labels"][RUN_LABEL] = run_label(config["training"], model_uri)
        job["labels"][PIPELINE_JOB_LABEL] = pipeline_job_label(model_uri)
        if job["job_spec"].get("tensorboard"):  # shows what is written below this folder
            names = ("tensorboard", pipeline_job_label(model_uri))
            folder = storage.join(exec_properties["checkpoint_root"], *names)
            job["job_spec"]["base_output_directory"] = {"output_uri_prefix": folder}
        properties = {**exec_properties, CUSTOM_CONFIG: json_utils.dumps(config)}
        training = TrainingJob.from_fn_args(self._GetFnArgs(input_dict, output_dict, properties))
        job["labels"][CHECKPOINTS_LABEL] = training.checkpoints_key()
        for pool in job["job_spec"]["worker_pool_specs"]:
            pool["container_spec"]["command"] = training.command()
        run_job(exec_properties["project"], exec_properties["region"], job, launch)


class InPlaceExecutor(phased_trainer.Executor):
    """Train in the task's own container with the values given at submission."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Train in this process.

        Args:
            input_dict: as for `Executor`.
            output_dict: `model`, `model_run`.
            exec_properties: as for `Executor`.

        Raises:
            OverrideError: a value of the submission is invalid.
        """
        config = apply_submission(exec_properties)
        del config[training_jobs.JOB], config[LAUNCH]
        properties = {**exec_properties, CUSTOM_CONFIG: json_utils.dumps(config)}
        super().Do(input_dict, output_dict, properties)


def apply_submission(exec_properties: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe's `custom_config` with the values of the submission applied.

    Raises:
        OverrideError: a value is invalid.
    """
    config: dict[str, Any] = json.loads(exec_properties[CUSTOM_CONFIG])
    settings = TrainingSettings.model_validate_json(config["training"])
    config["training"] = override(settings, exec_properties).model_dump_json()
    config[training_jobs.REGION] = exec_properties["region"]
    for name in ("service_account", "network"):
        if value := exec_properties[name]:
            config[training_jobs.JOB]["job_spec"][name] = value
    return config
