"""The validator's executor: TFX's own, and then the verdict."""

from typing import Any

from tfx import types
from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils, standard_component_specs

from components.example_validator.anomalies import explain, list_anomalies
from components.tfx_internals.validator_executor import RecordingValidatorExecutor
from core.errors import InputError

Artifacts = dict[str, list[types.Artifact]]
ANOMALIES = standard_component_specs.ANOMALIES_KEY
TOLERATED_PROPERTY = "tolerated_anomalies"


class Executor(RecordingValidatorExecutor):
    """Validates as TFX does, and fails on what TFX would only write down."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> execution_result_pb2.ExecutorOutput:
        """Writes the anomalies of each split.

        Args:
            input_dict: `statistics` and `schema`, one artifact each.
            output_dict: `anomalies`; gets the custom property `tolerated_anomalies`.
            exec_properties: TFX's `exclude_splits`, and `code_digest`.

        Raises:
            InputError: an anomaly would spoil training; the message lists all of them.
        """
        output = super().Do(input_dict, output_dict, exec_properties)
        found = list_anomalies(self.anomalies)
        spoiling = [anomaly for anomaly in found if anomaly.spoils]
        if spoiling:
            raise InputError(explain(spoiling))
        anomalies = artifact_utils.get_single_instance(output_dict[ANOMALIES])
        anomalies.set_int_custom_property(TOLERATED_PROPERTY, len(found))
        # TFX's executor has copied the artifact into its answer before the property was set.
        output.output_artifacts[ANOMALIES].artifacts[0].CopyFrom(anomalies.mlmd_artifact)
        return output
