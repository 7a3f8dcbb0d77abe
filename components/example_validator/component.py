"""Define ExampleValidator: TFX's component with a digest of our code in its cache key."""

from typing import Any

from tfx.components import example_validator as tfx_validator
from tfx.dsl.components.base import executor_spec
from tfx.types import standard_component_specs
from tfx.types.component_spec import ExecutionParameter

from components.example_validator import executor
from components.tfx_internals.component_init import SpecComponent


class ExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """Add the digest of the code to TFX's spec."""

    PARAMETERS = {
        **standard_component_specs.ExampleValidatorSpec.PARAMETERS,
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }


class ExampleValidator(SpecComponent, tfx_validator.component.ExampleValidator):
    """Compares statistics with a schema and fails the run if an anomaly would spoil training.

    A missing feature, a wrong type or shape, or an id outside the vocabulary stops the run with an
    error that lists all of them. A harmless anomaly, such as a new text file, is recorded as TFX
    does and counted in the custom property `tolerated_anomalies`.

    Example:
        validator = ExampleValidator(
            statistics=statistics_gen.outputs["statistics"],
            schema=instance_gen.outputs["schema"],
            code_digest=code_digest("components.example_validator.executor"),
        )

    Outputs:
        anomalies: `standard_artifacts.ExampleAnomalies`.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, **values: Any) -> None:
        """Build the component, which validates all splits; `values` as in its spec."""
        super().__init__(exclude_splits="[]", **values)
