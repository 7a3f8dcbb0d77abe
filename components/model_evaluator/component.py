"""The ModelEvaluator component: how good a model is on held-out text, and whether to publish it."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.model_evaluator import executor


class ModelEvaluatorSpec(ComponentSpec):
    """What goes in and what comes out."""

    PARAMETERS = {
        "evaluation_settings": ExecutionParameter(type=str),
        "seed": ExecutionParameter(type=int),
        "code_digest": ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "instances": ChannelParameter(type=standard_artifacts.Examples),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class ModelEvaluator(base_beam_component.BaseBeamComponent):
    """Measures a model on the eval split and blesses it or not.

    Component outputs contains:
     - `evaluation`: Channel of type `standard_artifacts.ModelEvaluation`, with `metrics.json`.
     - `blessing`: Channel of type `standard_artifacts.ModelBlessing`.
    """

    SPEC_CLASS = ModelEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        instances: types.BaseChannel,
        evaluation_settings: str,
        seed: int,
        code_digest: str,
        baseline_model: types.BaseChannel | None = None,
    ) -> None:
        """Describes the step.

        Args:
            model: a Trainer's model.
            instances: InstanceGen's instances; the split "eval" is used.
            evaluation_settings: `EvaluationSettings` as JSON.
            seed: of the frozen masks, where instances are stored unmasked.
            code_digest: digest of the executor's code, for TFX's cache key.
            baseline_model: the latest blessed other model, if there is one.
        """
        spec = ModelEvaluatorSpec(
            model=model,
            instances=instances,
            baseline_model=baseline_model,
            evaluation_settings=evaluation_settings,
            seed=seed,
            code_digest=code_digest,
            evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
        )
        super().__init__(spec=spec)
