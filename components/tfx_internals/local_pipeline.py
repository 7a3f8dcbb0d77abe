"""Compile a pipeline for this machine, and launch its nodes or prepare them without running them.

TFX's LocalDagRunner does both in one method, with a run id of its own and without progress. Our
runner and our plan need the parts, which live in private functions and undocumented modules.

`textmill plan` uses TFX's own launcher, so that a plan and a run cannot disagree. TFX has no dry
run, so we call the launcher's private `_prepare_execution` and replace its private
`_output_resolver`, which would create folders.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    execution_publish_utils,
    inputs_utils,
    outputs_utils,
    runtime_parameter_utils,
    tfx_runner,
)
from tfx.orchestration.portable.launcher import Launcher
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import execution_result_pb2, pipeline_pb2

RUN_ID_PARAMETER = "pipeline-run-id"  # tfx.dsl.compiler.constants.PIPELINE_RUN_ID_PARAMETER_NAME


def compile_pipeline(pipeline: tfx_pipeline.Pipeline, run_id: str) -> pipeline_pb2.Pipeline:
    """Compile a pipeline to TFX's intermediate representation, as IrBasedRunner.run does."""
    compiled: pipeline_pb2.Pipeline = tfx_runner._make_pipeline_proto(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(compiled, {RUN_ID_PARAMETER: run_id})
    return compiled


def open_metadata(compiled: pipeline_pb2.Pipeline) -> metadata.Metadata:
    """Return a handle of the metadata store that a compiled pipeline names."""
    connection = runner_utils.extract_local_deployment_config(compiled).metadata_connection_config
    return metadata.Metadata(getattr(connection, connection.WhichOneof("connection_config")))


def make_launcher(
    launcher_class: type[Launcher],
    compiled: pipeline_pb2.Pipeline,
    node: Any,
    connection: metadata.Metadata,
) -> Any:
    """Build the launcher of one node, as LocalDagRunner does without its optional settings."""
    config, node_id = runner_utils.extract_local_deployment_config(compiled), node.node_info.id
    return launcher_class(
        pipeline_node=node,
        mlmd_connection=connection,
        pipeline_info=compiled.pipeline_info,
        pipeline_runtime_spec=compiled.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(config, node_id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(config, node_id),
    )


def set_run_properties(
    compiled: pipeline_pb2.Pipeline, run_id: str, properties: Mapping[str, str]
) -> None:
    """Store properties with the run's context in ML Metadata before its first node starts."""
    first_node = compiled.nodes[0].pipeline_node
    with open_metadata(compiled) as handle:
        for context in context_lib.prepare_contexts(handle, first_node.contexts):
            if context.name == run_id:
                for name, value in properties.items():
                    context.custom_properties[name].string_value = value
                handle.store.put_contexts([context])


def prepare_execution(
    launcher: Any, compiled: pipeline_pb2.Pipeline, node: Any, scratch: str
) -> dict[str, Any]:
    """Let a launcher decide whether its node runs or is cached, and record that in its store.

    The launcher's store should be a copy; `scratch` is a folder for the files that launchers
    create.

    Returns:
        The execution properties, including those that the driver added, as an executor would
        record them.
    """
    launcher._output_resolver = _ScratchOutputs(
        scratch,
        pipeline_node=node,
        pipeline_info=compiled.pipeline_info,
        pipeline_runtime_spec=compiled.runtime_spec,
    )
    properties = launcher._prepare_execution().execution_info.exec_properties
    output = execution_result_pb2.ExecutorOutput()
    outputs_utils.populate_exec_properties(output, properties)
    values = output.execution_properties.items()
    return {name: getattr(value, value.WhichOneof("value")) for name, value in values}


def register_execution(handle: metadata.Metadata, node: Any) -> metadata_store_pb2.Execution:
    """Record an execution of a node whose inputs do not exist yet."""
    return execution_publish_utils.register_execution(
        metadata_handle=handle,
        execution_type=node.node_info.type,
        contexts=context_lib.prepare_contexts(handle, node.contexts),
        exec_properties=data_types_utils.build_parsed_value_dict(
            inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
        ),
    )


class _ScratchOutputs(outputs_utils.OutputsResolver):
    """Name outputs as a run would (their names are in the cache key), but write elsewhere."""

    def __init__(self, scratch: str, **spec: Any) -> None:
        super().__init__(**spec)
        self._scratch = scratch

    def get_driver_output_uri(self) -> str:
        return str(Path(tempfile.mkdtemp(dir=self._scratch), "driver_output.pb"))

    def get_executor_output_uri(self, execution_id: int) -> str:
        return str(Path(self._scratch, "executor_output.pb"))

    def get_stateful_working_directory(self, execution: Any) -> str:
        return self._scratch

    def make_tmp_dir(self, execution_id: int) -> str:
        return self._scratch
