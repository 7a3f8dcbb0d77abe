"""Unpacks settings and a submission's values, and has a custom job train with them."""

import json
from typing import Any

from tfx import types
from tfx.extensions.google_cloud_ai_platform import constants, training_clients
from tfx.extensions.google_cloud_ai_platform.trainer import executor as tfx_vertex
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import json_utils, name_utils

from components.phased_trainer import executor as phased_trainer
from components.vertex_trainer.launch import RUN_LABEL, run_job, run_label
from components.vertex_trainer.overrides import override
from trainer.settings.training import TrainingSettings

Artifacts = dict[str, list[types.Artifact]]
CUSTOM_CONFIG = standard_component_specs.CUSTOM_CONFIG_KEY


class Executor(tfx_vertex.GenericExecutor):
    """Starts the job as TFX's Vertex Trainer does, and waits for it as `launch` says.

    In the job TFX's own Trainer runs `run_fn`, as it does on one machine.
    """

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Trains on Vertex AI.

        Args:
            input_dict: `examples`, and `base_model`, which may be missing.
            output_dict: `model`, `model_run`.
            exec_properties: TFX's, and those of `VertexTrainerSpec`.

        Raises:
            OverrideError: a value of the submission cannot be trained with; no job was started.
            TrainingJobError: the job failed.
        """
        config = settle(exec_properties)
        stock = {
            name: value
            for name, value in exec_properties.items()
            if name in standard_component_specs.TrainerSpec.PARAMETERS
        }
        job_args = config.pop(tfx_vertex.TRAINING_ARGS_KEY)
        model_uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.MODEL_KEY])
        job_args["labels"][RUN_LABEL] = run_label(config["training"], model_uri)
        stock[CUSTOM_CONFIG] = json_utils.dumps(config)
        client = training_clients.VertexJobClient(exec_properties["region"])
        job = client.create_training_job(
            input_dict,
            output_dict,
            stock,
            name_utils.get_full_name(phased_trainer.Executor),
            job_args,
            None,
            None,
        )
        run_job(exec_properties["project"], exec_properties["region"], job)


def settle(exec_properties: dict[str, Any]) -> dict[str, Any]:
    """The custom config of this run: the recipe's with the values of the submission in it.

    Raises:
        OverrideError: a value cannot be trained with.
    """
    config: dict[str, Any] = json.loads(exec_properties[CUSTOM_CONFIG])
    settings = TrainingSettings.model_validate_json(config["training"])
    config["training"] = override(settings, exec_properties).model_dump_json()
    config[constants.VERTEX_REGION_KEY] = exec_properties["region"]
    job = config[tfx_vertex.TRAINING_ARGS_KEY]
    if account := exec_properties["service_account"]:
        job["job_spec"]["service_account"] = account
    return config


class InPlaceExecutor(phased_trainer.Executor):
    """Trains in the task's own container with the values of the submission."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Trains here.

        Args:
            input_dict: as for `Executor`.
            output_dict: `model`, `model_run`.
            exec_properties: as for `Executor`.

        Raises:
            OverrideError: a value of the submission cannot be trained with.
        """
        config = settle(exec_properties)
        del config[tfx_vertex.TRAINING_ARGS_KEY]
        settled = {**exec_properties, CUSTOM_CONFIG: json_utils.dumps(config)}
        super().Do(input_dict, output_dict, settled)
