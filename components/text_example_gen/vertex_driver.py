"""Run the driver of TextExampleGen on Vertex AI, before Vertex AI looks up its cache.

TFX's compiler puts its own driver into the spec, which fingerprints files by size and time;
Textmill's compiler replaces it with this module. Vertex AI adds its output to the cache key.
"""

from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import EXAMPLES_KEY, INPUT_CONFIG_KEY

from components.text_example_gen.driver import resolve_text
from components.tfx_internals import example_gen_driver as tfx_driver
from core.exit import exit_with_sentence


def main(arguments: Any) -> None:
    """Parse TFX's flags and write the span and the text's digest to Vertex AI's output file."""
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
    """Resolve the span and fingerprint the text; return an ExecutorOutput with both."""
    names: dict[int, str] = {}
    inputs = executor_input.inputs
    properties = resolve_text(
        tfx_driver.parse_execution_properties(
            inputs.parameter_values, inputs.parameters, inputs_spec
        )
    )
    outputs = tfx_driver.parse_raw_artifact_dict(executor_input.outputs.artifacts, names)
    examples = artifact_utils.get_single_instance(outputs[EXAMPLES_KEY])
    tfx_driver.update_output_artifact(properties, examples.mlmd_artifact)
    output = pipeline_spec_pb2.ExecutorOutput()
    values = output.parameter_values
    values[tfx_driver.SPAN].number_value = properties[tfx_driver.SPAN]
    if (version := properties[tfx_driver.VERSION]) is not None:
        values[tfx_driver.VERSION].number_value = version
    for name in (tfx_driver.FINGERPRINT, INPUT_CONFIG_KEY):
        values[name].string_value = properties[name]
    output.artifacts[EXAMPLES_KEY].artifacts.add().CopyFrom(
        tfx_driver.to_runtime_artifact(examples, names)
    )
    return output


def run(arguments: Any) -> None:
    """Run the driver; a failure that Textmill can explain ends with a sentence."""
    with exit_with_sentence():
        main(arguments)


if __name__ == "__main__":
    tfx_driver.run_driver(run)
