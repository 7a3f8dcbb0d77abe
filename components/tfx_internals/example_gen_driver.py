"""The driver of TFX's file-based ExampleGen, which we override, and how Vertex AI calls it.

Drivers are an undocumented extension point. TFX's own fingerprint is made of file sizes and times,
so we override the input processor. In a compiled spec TFX names a driver module of its own; ours
takes its place and reads the same flags with TFX's private parser.
"""

from typing import Any

from absl import app
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components.example_gen import driver, input_processor, utils
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint
from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver as tfx_driver

FileBasedDriver = driver.FileBasedDriver
FileBasedInputProcessor = input_processor.FileBasedInputProcessor
InputProcessor = input_processor.InputProcessor
update_output_artifact = driver.update_output_artifact

SPAN = utils.SPAN_PROPERTY_NAME
VERSION = utils.VERSION_PROPERTY_NAME
FINGERPRINT = utils.FINGERPRINT_PROPERTY_NAME


def run_driver(main: Any) -> None:
    """Run a driver's main function with the flags that Vertex AI passes."""
    app.run(main, flags_parser=tfx_driver._parse_flags)


def read_exec_properties(
    executor_input: pipeline_spec_pb2.ExecutorInput,
    inputs_spec: pipeline_spec_pb2.ComponentInputsSpec,
) -> dict[str, Any]:
    """Return the execution properties of a task."""
    inputs = executor_input.inputs
    properties: dict[str, Any] = entrypoint.parse_execution_properties(
        inputs.parameter_values, inputs.parameters, inputs_spec
    )
    return properties


def read_output_artifacts(
    executor_input: pipeline_spec_pb2.ExecutorInput, names: dict[int, str]
) -> dict[str, Any]:
    """Return the output artifacts of a task; their resource names are added to `names`."""
    artifacts: dict[str, Any] = entrypoint.parse_raw_artifact_dict(
        executor_input.outputs.artifacts, names
    )
    return artifacts


def to_runtime_artifact(artifact: Any, names: dict[int, str]) -> Any:
    """Convert an artifact to the message that Vertex AI reads."""
    return entrypoint.to_runtime_artifact(artifact, names)
