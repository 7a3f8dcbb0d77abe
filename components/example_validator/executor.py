"""Run TFX's ExampleValidator, then fail if an anomaly would spoil training."""

from typing import Any

from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils, standard_component_specs

from components.artifacts import Artifacts
from components.example_validator.anomalies import explain, list_anomalies
from components.tfx_internals.executors import RecordingValidatorExecutor
from core.errors import InputError

ANOMALIES = standard_component_specs.ANOMALIES_KEY
TOLERATED_PROPERTY = "tolerated_anomalies"


class Executor(RecordingValidatorExecutor):
    """Validates as TFX does, but fails on anomalies that TFX would only record."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> execution_result_pb2.ExecutorOutput:
        """Write the anomalies of each split.

        Args:
            input_dict: `statistics` and `schema`, one artifact each.
            output_dict: `anomalies`; gets the custom property `tolerated_anomalies`.
            exec_properties: TFX's `exclude_splits`, and `code_digest`.

        Raises:
            InputError: an anomaly would spoil training; the message lists all of them.
        """
        output = super().Do(input_dict, output_dict, exec_properties)
        anomalies = list_anomalies(self.anomalies)
        harmful = [anomaly for anomaly in anomalies if anomaly.is_harmful]
        if harmful:
            raise InputError(explain(harmful))
        artifact = artifact_utils.get_single_instance(output_dict[ANOMALIES])
        artifact.set_int_custom_property(TOLERATED_PROPERTY, len(anomalies))
        # TFX's executor copied the artifact into its output before the property was set.
        output.output_artifacts[ANOMALIES].artifacts[0].CopyFrom(artifact.mlmd_artifact)
        return output
