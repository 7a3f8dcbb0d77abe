"""Declare the ModelCardGen component: it describes a model and its origin."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ModelCard, Vocabulary
from components.model_card import executor
from components.tfx_internals.component_init import SpecComponent


class ModelCardGenSpec(ComponentSpec):
    """Parameters, inputs and outputs of ModelCardGen."""

    PARAMETERS = {
        "card_settings": ExecutionParameter(type=str),  # ModelCardSettings as JSON
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
        "documents": ChannelParameter(type=standard_artifacts.Examples),
        "vocabulary": ChannelParameter(type=Vocabulary),
        "instances": ChannelParameter(type=standard_artifacts.Examples),  # of its training
    }
    OUTPUTS = {"model_card": ChannelParameter(type=ModelCard)}


class ModelCardGen(SpecComponent, base_component.BaseComponent):
    """Write a model card in Hugging Face's format.

    Example:
        card = ModelCardGen(
            model=trainer.outputs["model"],
            evaluation=evaluator.outputs["evaluation"],
            blessing=evaluator.outputs["blessing"],
            documents=documents.outputs["examples"],
            vocabulary=vocabulary.outputs["vocabulary"],
            instances=instances.outputs["instances"],
            card_settings=ModelCardSettings(recipe="demo").model_dump_json(),
            code_digest=executor_digest(ModelCardGen),
        )

    Outputs:
        model_card: `components.ModelCard`: a folder with `README.md`.
    """

    SPEC_CLASS = ModelCardGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
