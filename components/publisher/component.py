"""Declare the Publisher component: TFX's Pusher with a model card and atomic versions."""

from tfx import types
from tfx.components.pusher import component as tfx_pusher
from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ModelCard
from components.publisher import executor
from components.tfx_internals.component_init import init_component


class PublisherSpec(ComponentSpec):
    """Parameters, inputs and outputs, with the names of TFX's PusherSpec."""

    PARAMETERS = {
        "destination": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        standard_component_specs.MODEL_KEY: ChannelParameter(type=standard_artifacts.Model),
        standard_component_specs.MODEL_BLESSING_KEY: ChannelParameter(
            type=standard_artifacts.ModelBlessing, optional=True
        ),
        "model_card": ChannelParameter(type=ModelCard),
    }
    OUTPUTS = {
        standard_component_specs.PUSHED_MODEL_KEY: ChannelParameter(
            type=standard_artifacts.PushedModel
        )
    }
    TYPE_ANNOTATION = standard_component_specs.PusherSpec.TYPE_ANNOTATION


class Publisher(tfx_pusher.Pusher):
    """Publish a blessed model with its card as `<destination>/<version>`.

    Example:
        publisher = Publisher(
            model=trainer.outputs["model"],
            model_blessing=evaluator.outputs["blessing"],
            model_card=card.outputs["model_card"],
            destination="work/published/demo",
            code_digest=executor_digest(Publisher),
        )

    Outputs:
        pushed_model: `standard_artifacts.PushedModel`: a folder with `published.json`.
    """

    SPEC_CLASS = PublisherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_card: types.BaseChannel,
        destination: str,
        code_digest: str,
        model_blessing: types.BaseChannel | None = None,
    ) -> None:
        """Declare the node.

        Args:
            model: the Trainer's model.
            model_card: ModelCardGen's card of this model.
            destination: folder of the published versions, local or gs://.
            code_digest: digest of the executor's code, for TFX's cache key.
            model_blessing: the ModelEvaluator's blessing; without it every model is published.
        """
        spec = PublisherSpec(
            model=model,
            model_blessing=model_blessing,
            model_card=model_card,
            destination=destination,
            code_digest=code_digest,
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
        )
        init_component(self, spec)
