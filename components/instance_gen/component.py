"""Declare the InstanceGen component: documents and a vocabulary become training instances."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Vocabulary
from components.instance_gen import executor
from components.tfx_internals.component_init import SpecComponent


class InstanceGenSpec(ComponentSpec):
    """Parameters, inputs and outputs of InstanceGen."""

    PARAMETERS = {
        "instance_settings": ExecutionParameter(type=str),  # InstanceSettings as JSON
        "masking_settings": ExecutionParameter(type=str),  # MaskingSettings as JSON
        "seed": ExecutionParameter(type=int),  # of all random draws
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {
        "documents": ChannelParameter(type=standard_artifacts.Examples),
        "vocabulary": ChannelParameter(type=Vocabulary),
    }
    OUTPUTS = {
        "instances": ChannelParameter(type=standard_artifacts.Examples),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }


class InstanceGen(SpecComponent, base_beam_component.BaseBeamComponent):
    """Turn documents into instances, masked unless masking is left to the training graph.

    Example:
        instances = InstanceGen(
            documents=documents.outputs["examples"],
            vocabulary=vocabulary.outputs["vocabulary"],
            instance_settings=InstanceSettings(seq_length=128).model_dump_json(),
            masking_settings=MaskingSettings().model_dump_json(),
            seed=12345,
            code_digest=executor_digest(InstanceGen),
        )

    Outputs:
        instances: `standard_artifacts.Examples`: tf.Examples in gzipped TFRecord shards, with
            `manifest.json`, `histograms.json`, `token_counts.npy`, `value_counts.npz` and the
            vocabulary next to the splits.
        schema: `standard_artifacts.Schema`: the exact schema of the instances.
    """

    SPEC_CLASS = InstanceGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
