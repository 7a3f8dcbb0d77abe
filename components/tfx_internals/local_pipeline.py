"""Compile a pipeline for this machine, and build the launcher of each of its nodes.

TFX's LocalDagRunner does both in one method, with a run id of its own and without progress. Our
runner and our plan need the parts, which live in private functions and undocumented modules.
"""

from collections.abc import Mapping
from typing import Any

from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import runtime_parameter_utils, tfx_runner
from tfx.orchestration.portable.launcher import Launcher
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2

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
