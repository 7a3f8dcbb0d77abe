"""Declare the InstanceExport component: instances become the records of another system."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.instance_export import executor
from components.tfx_internals.component_init import SpecComponent


class InstanceExportSpec(ComponentSpec):
    """Parameters, inputs and outputs of InstanceExport."""

    PARAMETERS = {
        "export_settings": ExecutionParameter(type=str),  # ExportSettings as JSON
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {"instances": ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"exported": ChannelParameter(type=standard_artifacts.Examples)}


class InstanceExport(SpecComponent, base_beam_component.BaseBeamComponent):
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
