"""The driver of TextExampleGen as Vertex AI calls it: before its cache is asked.

TFX's compiler names its own driver in the spec, whose fingerprint is of sizes and times; Textmill's
compiler puts this module in its place. Vertex AI adds what it writes to the cache key.
"""

from typing import Any

from absl import app
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components.example_gen import driver, utils
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint
from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver as tfx_driver
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import EXAMPLES_KEY, INPUT_CONFIG_KEY

from components.text_example_gen.driver import resolve_text


def main(arguments: Any) -> None:
    """Reads TFX's flags and writes the span and the text's digest where Vertex AI looks."""
    executor_input = pipeline_spec_pb2.ExecutorInput()
    json_format.Parse(
        arguments.json_serialized_invocation_args, executor_input, ignore_unknown_fields=True
    )
    inputs_spec = pipeline_spec_pb2.ComponentInputsSpec()
    json_format.Parse(
        arguments.json_serialized_inputs_spec_args, inputs_spec, ignore_unknown_fields=True
    )
    output = drive(executor_input, inputs_spec)
    path = executor_input.outputs.output_file
    fileio.makedirs(path.rpartition("/")[0])
    with fileio.open(path, "wb") as stream:
        stream.write(json_format.MessageToJson(output, sort_keys=True))


def drive(executor_input: Any, inputs_spec: Any) -> Any:
    """What is to be known of the text before the cache is asked.

    Args:
        executor_input: ExecutorInput of the task.
        inputs_spec: ComponentInputsSpec, for the types of the parameters.

    Returns:
        ExecutorOutput: span, version, fingerprint and the pattern as parameters, and the artifact.
    """
    names: dict[int, str] = {}
    inputs = executor_input.inputs
    properties = resolve_text(
        entrypoint.parse_execution_properties(
            inputs.parameter_values, inputs.parameters, inputs_spec
        )
    )
    outputs = entrypoint.parse_raw_artifact_dict(executor_input.outputs.artifacts, names)
    examples = artifact_utils.get_single_instance(outputs[EXAMPLES_KEY])
    driver.update_output_artifact(properties, examples.mlmd_artifact)
    output = pipeline_spec_pb2.ExecutorOutput()
    values = output.parameter_values
    values[utils.SPAN_PROPERTY_NAME].number_value = properties[utils.SPAN_PROPERTY_NAME]
    if (version := properties[utils.VERSION_PROPERTY_NAME]) is not None:
        values[utils.VERSION_PROPERTY_NAME].number_value = version
    for name in (utils.FINGERPRINT_PROPERTY_NAME, INPUT_CONFIG_KEY):
        values[name].string_value = properties[name]
    output.artifacts[EXAMPLES_KEY].artifacts.add().CopyFrom(
        entrypoint.to_runtime_artifact(examples, names)
    )
    return output


if __name__ == "__main__":
    app.run(main, flags_parser=tfx_driver._parse_flags)
