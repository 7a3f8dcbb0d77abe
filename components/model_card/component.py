"""The ModelCardGen component: a model and all that it came from, to a card."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ModelCard, Vocabulary
from components.model_card import executor


class ModelCardGenSpec(ComponentSpec):
    """What goes in and what comes out."""

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
    """Writes a model card in Hugging Face's form.

    Component outputs contains:
     - `model_card`: Channel of type `components.ModelCard`, a folder with `README.md`.
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
        """Describes the step.

        Args:
            model: a Trainer's model.
            evaluation: a ModelEvaluator's evaluation of it.
            documents: the documents that its instances were made from.
            vocabulary: the vocabulary that they were made with.
            instances: what it was trained on.
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
