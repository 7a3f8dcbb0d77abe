"""Declare the ModelCardGen component: it describes a model and its origin."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ModelCard, Vocabulary
from components.model_card import executor


class ModelCardGenSpec(ComponentSpec):
    """Parameters, inputs and outputs of ModelCardGen."""

    PARAMETERS = {
        "card_settings": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
        "documents": ChannelParameter(type=standard_artifacts.Examples),
        "vocabulary": ChannelParameter(type=Vocabulary),
        "instances": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"model_card": ChannelParameter(type=ModelCard)}


class ModelCardGen(base_component.BaseComponent):
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

    def __init__(
        self,
        model: types.BaseChannel,
        evaluation: types.BaseChannel,
        documents: types.BaseChannel,
        vocabulary: types.BaseChannel,
        instances: types.BaseChannel,
        card_settings: str,
        code_digest: str,
        blessing: types.BaseChannel | None = None,
    ) -> None:
        """Declare the node.

        Args:
            model: the Trainer's model.
            evaluation: the ModelEvaluator's evaluation of the model.
            documents: the documents that the instances were made from.
            vocabulary: the vocabulary of the instances.
            instances: the instances that the model was trained on.
            card_settings: `ModelCardSettings` as JSON.
            code_digest: digest of the executor's code, for TFX's cache key.
            blessing: the ModelEvaluator's blessing.
        """
        spec = ModelCardGenSpec(
            model=model,
            evaluation=evaluation,
            blessing=blessing,
            documents=documents,
            vocabulary=vocabulary,
            instances=instances,
            card_settings=card_settings,
            code_digest=code_digest,
            model_card=types.Channel(type=ModelCard),
        )
        super().__init__(spec=spec)
