"""Declare the InstanceExport component: instances become the records of another system."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.instance_export import executor


class InstanceExportSpec(ComponentSpec):
    """Parameters, inputs and outputs of InstanceExport."""

    PARAMETERS = {
        "export_settings": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {"instances": ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"exported": ChannelParameter(type=standard_artifacts.Examples)}


class InstanceExport(base_beam_component.BaseBeamComponent):
    """Write instances as the trainers of BERT, ALBERT, ELECTRA or the Model Garden read them.

    Example:
        exported = InstanceExport(
            instances=instances.outputs["instances"],
            export_settings=ExportSettings(layout="electra").model_dump_json(),
            code_digest=executor_digest(InstanceExport),
        )

    Outputs:
        exported: `standard_artifacts.Examples`: tf.Examples in TFRecord shards. The vocabulary and
            `manifest.json`, which lists the features, are next to the splits.
    """

    SPEC_CLASS = InstanceExportSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self, *, instances: types.BaseChannel, export_settings: str, code_digest: str
    ) -> None:
        """Declare the node.

        Args:
            instances: InstanceGen's instances.
            export_settings: `ExportSettings` as JSON.
            code_digest: digest of the executor's code, for TFX's cache key.
        """
        spec = InstanceExportSpec(
            instances=instances,
            export_settings=export_settings,
            code_digest=code_digest,
            exported=types.Channel(type=standard_artifacts.Examples),
        )
        super().__init__(spec=spec)
