"""Declare the ModelEvaluator component: it evaluates a model on held-out text and blesses it."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.model_evaluator import executor


class ModelEvaluatorSpec(ComponentSpec):
    """Parameters, inputs and outputs of ModelEvaluator."""

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
    """Evaluate a model on the eval split, and bless it if it is good enough.

    Example:
        evaluator = ModelEvaluator(
            model=trainer.outputs["model"],
            instances=instances.outputs["instances"],
            baseline_model=baseline.outputs["model"],
            evaluation_settings=EvaluationSettings().model_dump_json(),
            seed=12345,
            code_digest=executor_digest(ModelEvaluator),
        )

    Outputs:
        evaluation: `standard_artifacts.ModelEvaluation`: a folder with `metrics.json`.
        blessing: `standard_artifacts.ModelBlessing`.
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
        """Declare the node.

        Args:
            model: the Trainer's model.
            instances: instances with a split "eval".
            evaluation_settings: `EvaluationSettings` as JSON.
            seed: seed of the fixed masks, if instances are stored unmasked.
            code_digest: digest of the executor's code, for TFX's cache key.
            baseline_model: the latest other blessed model, if any.
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
