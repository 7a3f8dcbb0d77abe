"""Declare the InstanceImport component: records of another system become instances."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Vocabulary
from components.instance_import import executor
from components.tfx_internals.component_init import SpecComponent


class InstanceImportSpec(ComponentSpec):
    """Parameters, inputs and outputs of InstanceImport."""

    PARAMETERS = {
        "instance_settings": ExecutionParameter(type=str),  # InstanceSettings as JSON
        "masking_settings": ExecutionParameter(type=str),  # MaskingSettings as JSON
        "seed": ExecutionParameter(type=int),  # of the masks, if the records have none
        "records_digest": ExecutionParameter(type=str),  # of the records, for TFX's cache key
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {"vocabulary": ChannelParameter(type=Vocabulary)}
    OUTPUTS = {
        "instances": ChannelParameter(type=standard_artifacts.Examples),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }


class InstanceImport(SpecComponent, base_beam_component.BaseBeamComponent):
    """Read instances that the scripts of BERT, ALBERT, ELECTRA or the Model Garden wrote.

    It replaces InstanceGen in a pipeline.

    Example:
        records = RecordsSettings(layout="bert", train="records/1*", eval="records/0*")
        instances = InstanceImport(
            vocabulary=vocabulary.outputs["vocabulary"],
            instance_settings=InstanceSettings(import_from=records).model_dump_json(),
            masking_settings=MaskingSettings().model_dump_json(),
            seed=12345,
            records_digest=records_digest(records),
            code_digest=executor_digest(InstanceImport),
        )

    Outputs:
        instances: `standard_artifacts.Examples`: tf.Examples in gzipped TFRecord shards, one per
            file, with the same files next to the splits as InstanceGen's.
        schema: `standard_artifacts.Schema`: the exact schema of the instances.
    """

    SPEC_CLASS = InstanceImportSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
