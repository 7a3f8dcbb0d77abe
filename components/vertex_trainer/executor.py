"""Unpacks settings and a submission's values, and has TFX start the custom job and wait for it."""

import json
from typing import Any

from tfx import types
from tfx.extensions.google_cloud_ai_platform import constants
from tfx.extensions.google_cloud_ai_platform.trainer import executor as tfx_vertex
from tfx.types import standard_component_specs
from tfx.utils import json_utils

from components.vertex_trainer.overrides import override
from trainer.settings import TrainingSettings

Artifacts = dict[str, list[types.Artifact]]
CUSTOM_CONFIG = standard_component_specs.CUSTOM_CONFIG_KEY


class Executor(tfx_vertex.GenericExecutor):
    """Starts the job with the settings of this run."""

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
        """
        stock = {
            name: value
            for name, value in exec_properties.items()
            if name in standard_component_specs.TrainerSpec.PARAMETERS
        }
        stock[CUSTOM_CONFIG] = json_utils.dumps(settle(exec_properties))
        super().Do(input_dict, output_dict, stock)


def settle(exec_properties: dict[str, Any]) -> dict[str, Any]:
    """The custom config of this run: the recipe's with the values of the submission in it."""
    config: dict[str, Any] = json.loads(exec_properties[CUSTOM_CONFIG])
    settings = TrainingSettings.model_validate_json(config["training"])
    config["training"] = override(settings, exec_properties).model_dump_json()
    config[constants.VERTEX_REGION_KEY] = exec_properties["region"]
    job = config[tfx_vertex.TRAINING_ARGS_KEY]
    job["project"] = exec_properties["project"]
    if account := exec_properties["service_account"]:
        job["job_spec"]["service_account"] = account
    return config
