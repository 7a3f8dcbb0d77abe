"""A pipeline to a finished run on this machine, node by node, with what happened to each."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import runtime_parameter_utils, tfx_runner
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2

from core.errors import InputError
from pipelines.local.node_launcher import NodeLauncher

RUN_ID_PARAMETER = "pipeline-run-id"  # tfx.dsl.compiler.constants.PIPELINE_RUN_ID_PARAMETER_NAME


class UnknownNodeError(InputError):
    """A node that the pipeline does not have."""


@dataclass(frozen=True)
class Watch:
    """What a caller wants to be told: a node begins; it ended, after so many seconds."""

    begins: Callable[[str], None]
    ended: Callable[[str, float], None]


class LocalRunner(tfx_runner.IrBasedRunner):
    """TFX's LocalDagRunner with a run id of ours, a watch on each node, and our launcher."""

    def __init__(
        self,
        run_id: str,
        watch: Watch,
        until: str | None = None,
        origin: Mapping[str, str] | None = None,
    ) -> None:
        self._run_id = run_id
        self._origin = origin or {}
        self._watch = watch
        self._until = until

    def run_with_ir(
        self,
        pipeline: pipeline_pb2.Pipeline,
        run_options: pipeline_pb2.RunOptions | None = None,
    ) -> None:
        """Runs the nodes in topological order; the first that fails ends the run with its error."""
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {RUN_ID_PARAMETER: self._run_id}
        )
        nodes = nodes_until(list(pipeline.nodes), self._until)
        _note_origin(pipeline, nodes[0].pipeline_node, self._run_id, self._origin)
        for node in nodes:
            node_id = node.pipeline_node.node_info.id
            self._watch.begins(node_id)
            started = time.monotonic()
            _launch(pipeline, node.pipeline_node)
            self._watch.ended(node_id, time.monotonic() - started)


def _note_origin(
    pipeline: pipeline_pb2.Pipeline, node: Any, run_id: str, origin: Mapping[str, str]
) -> None:
    """Keeps by what a run is made with the run itself, before its first node begins."""
    with _metadata(runner_utils.extract_local_deployment_config(pipeline)) as handle:
        for context in context_lib.prepare_contexts(handle, node.contexts):
            if context.name == run_id:
                for name, value in origin.items():
                    context.custom_properties[name].string_value = value
                handle.store.put_contexts([context])


def _metadata(config: Any) -> metadata.Metadata:
    connection = config.metadata_connection_config
    return metadata.Metadata(getattr(connection, connection.WhichOneof("connection_config")))


def _launch(pipeline: pipeline_pb2.Pipeline, node: Any) -> None:
    """Launches one node as LocalDagRunner does, of whose options we use none."""
    config = runner_utils.extract_local_deployment_config(pipeline)
    node_id = node.node_info.id
    NodeLauncher(
        pipeline_node=node,
        mlmd_connection=_metadata(config),
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(config, node_id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(config, node_id),
    ).launch()


def run_locally(
    pipeline: tfx_pipeline.Pipeline,
    run_id: str,
    watch: Watch,
    until: str | None = None,
    origin: Mapping[str, str] | None = None,
) -> None:
    """Runs a pipeline on this machine.

    Args:
        pipeline: with the metadata's SQLite file in it.
        run_id: names the run in ML Metadata.
        watch: is told of each node.
        until: run only this node and what it needs; None runs all.
        origin: by what and whom the run is made; kept with the run in ML Metadata.

    Raises:
        InputError: what a component found wrong with text, vocabulary or settings; or no node is
            called as `until` says.
    """
    LocalRunner(run_id, watch, until, origin).run(pipeline)


Node = Any  # pipeline_pb2.Pipeline.PipelineOrNode, which comes without types


def nodes_until(nodes: list[Node], until: str | None) -> list[Node]:
    """The node and its ancestors, in the order given.

    Raises:
        UnknownNodeError: there is no such node.
    """
    if until is None:
        return nodes
    needs = {n.pipeline_node.node_info.id: list(n.pipeline_node.upstream_nodes) for n in nodes}
    if until not in needs:
        raise UnknownNodeError(
            f"--to-node {until}: no such node. Nodes of this pipeline: {', '.join(needs)}."
        )
    needed: set[str] = set()
    waiting = [until]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(needs[name])
    return [node for node in nodes if node.pipeline_node.node_info.id in needed]
