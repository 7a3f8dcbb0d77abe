"""Define ExampleValidator: TFX's component with a digest of our code in its cache key."""

from tfx import types
from tfx.components import example_validator as tfx_validator
from tfx.dsl.components.base import executor_spec
from tfx.types import standard_component_specs
from tfx.types.component_spec import ExecutionParameter
from tfx.utils import json_utils

from components.example_validator import executor
from components.tfx_internals.component_init import SpecComponent


class ExampleValidatorSpec(standard_component_specs.ExampleValidatorSpec):
    """Add the digest of the code to TFX's spec."""

    PARAMETERS = {
        **standard_component_specs.ExampleValidatorSpec.PARAMETERS,
        "code_digest": ExecutionParameter(type=str),
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

    def __init__(
        self,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        code_digest: str,
        exclude_splits: list[str] | None = None,
    ) -> None:
        """Build the component.

        Args:
            statistics: `statistics` of StatisticsGen.
            schema: the schema to compare them with.
            code_digest: digest of the executor's code, for the cache key.
            exclude_splits: names of splits that are not validated.
        """
        super().__init__(
            statistics=statistics,
            schema=schema,
            exclude_splits=json_utils.dumps(exclude_splits or []),
            code_digest=code_digest,
        )
