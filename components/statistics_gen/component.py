"""Define StatisticsGen, which describes documents or instances as TFX's component of that name."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.statistics_gen import executor
from components.tfx_internals.component_init import SpecComponent


class StatisticsGenSpec(ComponentSpec):
    """Parameters, inputs and outputs of StatisticsGen."""

    PARAMETERS = {
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {"examples": ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {"statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics)}


class StatisticsGen(SpecComponent, base_beam_component.BaseBeamComponent):
    """Describe every split of documents or instances with TFDV's statistics.

    Instances are described by the counts of values that their writer kept, so no record is read
    again. Documents are read once. TFDV reads, validates and draws the result as its own.

    Example:
        statistics = StatisticsGen(
            examples=instances.outputs["instances"],
            code_digest=executor_digest(StatisticsGen),
        )

    Outputs:
        statistics: `standard_artifacts.ExampleStatistics`: `FeatureStats.pb` of each split.
    """

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
