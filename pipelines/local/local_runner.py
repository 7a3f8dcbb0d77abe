"""Run a pipeline on this machine, node by node."""

from collections.abc import Mapping
from typing import Any

from tfx.orchestration import pipeline as tfx_pipeline

from components.tfx_internals.local_pipeline import (
    compile_pipeline,
    make_launcher,
    open_metadata,
    set_run_properties,
)
from core.errors import InputError
from pipelines.local.node_launcher import NodeLauncher
from pipelines.local.node_timer import NodeTimer

Node = Any  # pipeline_pb2.Pipeline.PipelineOrNode, which has no type hints


class UnknownNodeError(InputError):
    """A node that the pipeline does not have."""


def run_locally(
    pipeline: tfx_pipeline.Pipeline,
    run_id: str,
    timer: NodeTimer,
    to_node: str | None = None,
    origin: Mapping[str, str] | None = None,
) -> None:
    """Run a pipeline's nodes on this machine in topological order; the first error ends the run.

    Args:
        pipeline: names the SQLite file of ML Metadata.
        run_id: name of the run in ML Metadata.
        timer: times each node.
        to_node: run only this node and its ancestors; None runs all.
        origin: code, host and user, recorded with the run in ML Metadata.

    Raises:
        InputError: a component rejected the text, the vocabulary or a setting; or there is no
            node `to_node`.
    """
    compiled = compile_pipeline(pipeline, run_id)
    nodes = nodes_until(list(compiled.nodes), to_node)
    set_run_properties(compiled, run_id, origin or {})
    for node in nodes:
        node_id = node.pipeline_node.node_info.id
        timer.start(node_id)
        connection = open_metadata(compiled)
        make_launcher(NodeLauncher, compiled, node.pipeline_node, connection).launch()
        timer.finish(node_id)


def nodes_until(nodes: list[Node], to_node: str | None) -> list[Node]:
    """Return a node and its ancestors, in the given order; all nodes for None.

    Raises:
        UnknownNodeError: there is no such node.
    """
    if to_node is None:
        return nodes
    upstream = {n.pipeline_node.node_info.id: list(n.pipeline_node.upstream_nodes) for n in nodes}
    if to_node not in upstream:
        raise UnknownNodeError(
            f"--to-node {to_node}: no such node. Nodes of this pipeline: {', '.join(upstream)}."
        )
    needed: set[str] = set()
    waiting = [to_node]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(upstream[name])
    return [node for node in nodes if node.pipeline_node.node_info.id in needed]
