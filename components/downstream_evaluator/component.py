"""Declare the DownstreamEvaluator component: it evaluates a model on labeled tasks."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import DownstreamEvaluation
from components.downstream_evaluator import executor
from components.tfx_internals.component_init import SpecComponent


class DownstreamEvaluatorSpec(ComponentSpec):
    """Parameters, inputs and outputs of DownstreamEvaluator."""

    PARAMETERS = {
        "downstream_settings": ExecutionParameter(type=str),  # DownstreamSettings as JSON
        "tasks_digest": ExecutionParameter(type=str),  # of the tasks' files, for TFX's cache key
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, likewise
    }
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        # The latest other blessed model.
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"downstream_evaluation": ChannelParameter(type=DownstreamEvaluation)}


class DownstreamEvaluator(SpecComponent, base_component.BaseComponent):
    """Evaluate a model on labeled tasks, by a frozen probe and by fine-tuning.

    Example:
        downstream = DownstreamEvaluator(
            model=trainer.outputs["model"],
            baseline_model=baseline.outputs["model"],
            downstream_settings=settings.model_dump_json(),
            tasks_digest=tasks_digest(settings.tasks),
            code_digest=executor_digest(DownstreamEvaluator),
        )

    Outputs:
        downstream_evaluation: `components.DownstreamEvaluation`: a folder with `downstream.json`.
    """

    SPEC_CLASS = DownstreamEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
