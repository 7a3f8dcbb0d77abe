"""Declare the Publisher component: TFX's Pusher with a model card and atomic versions."""

from tfx.components.pusher import component as tfx_pusher
from tfx.dsl.components.base import executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import ModelCard
from components.publisher import executor
from components.tfx_internals.component_init import SpecComponent


class PublisherSpec(ComponentSpec):
    """Parameters, inputs and outputs, with the names of TFX's PusherSpec."""

    PARAMETERS = {
        "destination": ExecutionParameter(type=str),  # folder of the versions, local or gs://
        # A model of Vertex AI's registry, projects/…/models/ID, of which this is a new version.
        "registry": ExecutionParameter(type=str, optional=True),
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {
        standard_component_specs.MODEL_KEY: ChannelParameter(type=standard_artifacts.Model),
        # Without a blessing every model is published.
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


class Publisher(SpecComponent, tfx_pusher.Pusher):
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
