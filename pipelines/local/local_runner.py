"""A pipeline to a finished run on this machine, node by node, with what happened to each."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


class UnknownNodeError(InputError):
    """A node that the pipeline does not have."""


@dataclass(frozen=True)
class Watch:
    """What a caller wants to be told: a node begins; it ended, after so many seconds."""

    begins: Callable[[str], None]
    ended: Callable[[str, float], None]


def run_locally(
    pipeline: tfx_pipeline.Pipeline,
    run_id: str,
    watch: Watch,
    until: str | None = None,
    origin: Mapping[str, str] | None = None,
) -> None:
    """Run a pipeline's nodes on this machine in topological order; the first error ends the run.

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
    compiled = compile_pipeline(pipeline, run_id)
    nodes = nodes_until(list(compiled.nodes), until)
    set_run_properties(compiled, run_id, origin or {})
    for node in nodes:
        node_id = node.pipeline_node.node_info.id
        watch.begins(node_id)
        started = time.monotonic()
        connection = open_metadata(compiled)
        make_launcher(NodeLauncher, compiled, node.pipeline_node, connection).launch()
        watch.ended(node_id, time.monotonic() - started)


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
