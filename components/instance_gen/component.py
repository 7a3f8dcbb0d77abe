"""Declare the InstanceGen component: documents and a vocabulary become training instances."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Vocabulary
from components.instance_gen import executor


class InstanceGenSpec(ComponentSpec):
    """Parameters, inputs and outputs of InstanceGen."""

    PARAMETERS = {
        "instance_settings": ExecutionParameter(type=str),
        "masking_settings": ExecutionParameter(type=str),
        "seed": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "documents": ChannelParameter(type=standard_artifacts.Examples),
        "vocabulary": ChannelParameter(type=Vocabulary),
    }
    OUTPUTS = {
        "instances": ChannelParameter(type=standard_artifacts.Examples),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }


class InstanceGen(base_beam_component.BaseBeamComponent):
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
            `manifest.json`, `histograms.json`, `token_counts.npy` and the vocabulary next to the
            splits.
        schema: `standard_artifacts.Schema`: the exact schema of the instances.
    """

    SPEC_CLASS = InstanceGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        documents: types.BaseChannel,
        vocabulary: types.BaseChannel,
        instance_settings: str,
        masking_settings: str,
        seed: int,
        code_digest: str,
    ) -> None:
        """Declare the node.

        Args:
            documents: TextExampleGen's documents.
            vocabulary: VocabularyGen's vocabulary.
            instance_settings: `InstanceSettings` as JSON.
            masking_settings: `MaskingSettings` as JSON.
            seed: seed of all random draws.
            code_digest: digest of the executor's code, for TFX's cache key.
        """
        spec = InstanceGenSpec(
            documents=documents,
            vocabulary=vocabulary,
            instance_settings=instance_settings,
            masking_settings=masking_settings,
            seed=seed,
            code_digest=code_digest,
            instances=types.Channel(type=standard_artifacts.Examples),
            schema=types.Channel(type=standard_artifacts.Schema),
        )
        super().__init__(spec=spec)
