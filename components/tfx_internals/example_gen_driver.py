"""The driver of TFX's file-based ExampleGen, which we override, and how Vertex AI calls it.

Drivers are an undocumented extension point. TFX's own fingerprint is made of file sizes and times,
so we override the input processor. In a compiled spec TFX names a driver module of its own; ours
takes its place and reads the same flags with TFX's private parser.
"""

from typing import Any

from absl import app
from tfx.components.example_gen import driver, input_processor, utils
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint
from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver as tfx_driver

FileBasedDriver = driver.FileBasedDriver
FileBasedInputProcessor = input_processor.FileBasedInputProcessor
InputProcessor = input_processor.InputProcessor
update_output_artifact = driver.update_output_artifact
parse_execution_properties = entrypoint.parse_execution_properties
parse_raw_artifact_dict = entrypoint.parse_raw_artifact_dict
to_runtime_artifact = entrypoint.to_runtime_artifact

SPAN = utils.SPAN_PROPERTY_NAME
VERSION = utils.VERSION_PROPERTY_NAME
FINGERPRINT = utils.FINGERPRINT_PROPERTY_NAME


def run_driver(main: Any) -> None:
    """Run a driver's main function with the flags that Vertex AI passes."""
    app.run(main, flags_parser=tfx_driver._parse_flags)
