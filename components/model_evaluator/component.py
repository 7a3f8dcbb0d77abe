"""Declare the ModelEvaluator component: it evaluates a model on held-out text and blesses it."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import DownstreamEvaluation
from components.model_evaluator import executor
from components.tfx_internals.component_init import SpecComponent


class ModelEvaluatorSpec(ComponentSpec):
    """Parameters, inputs and outputs of ModelEvaluator."""

    PARAMETERS = {
        "evaluation_settings": ExecutionParameter(type=str),  # EvaluationSettings as JSON
        "seed": ExecutionParameter(type=int),  # of the masks of dynamic instances
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "instances": ChannelParameter(type=standard_artifacts.Examples),  # with a split "eval"
        # The latest other blessed model.
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
        # The scores on the recipe's tasks, if it names any.
        "downstream_evaluation": ChannelParameter(type=DownstreamEvaluation, optional=True),
    }
    OUTPUTS = {
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class ModelEvaluator(SpecComponent, base_beam_component.BaseBeamComponent):
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
