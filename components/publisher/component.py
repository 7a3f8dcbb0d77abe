"""The Publisher component: TFX's Pusher with a model card, and versions that appear whole."""

from tfx import types
from tfx.components.pusher import component as tfx_pusher
from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ModelCard
from components.publisher import executor
from components.tfx_internals.component_init import init_component


class PublisherSpec(ComponentSpec):
    """What goes in and what comes out; the names are those of TFX's PusherSpec."""

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
    """Publishes a blessed model with its card as `<destination>/<version>`.

    Component outputs contains:
     - `pushed_model`: Channel of type `standard_artifacts.PushedModel`, with `published.json`.
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
        """Describes the step.

        Args:
            model: a Trainer's model.
            model_card: a ModelCardGen's card of this model.
            destination: folder of the published versions; local, or gs://.
            code_digest: digest of the executor's code, for TFX's cache key.
            model_blessing: a ModelEvaluator's blessing; without one any model is published.
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
