"""Run a pipeline on this machine, node by node, reusing only whole results."""

import contextlib
import ctypes
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import Artifact

from components.tfx_internals.launcher import ArtifactsByKey, HookedLauncher
from components.tfx_internals.local_pipeline import (
    compile_pipeline,
    make_launcher,
    open_metadata,
    set_run_properties,
)
from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from core.progress import print_messages, show_progress
from core.settings import LATEST_BLESSED
from pipelines.local.node_timer import NodeTimer
from pipelines.metadata.names import OUTPUT_DIGEST, PUSHED_DESTINATION, TRAINER
from pipelines.metadata.reuse import find_damage, output_digest
from pipelines.recipe.work import not_before
from trainer.loop.checkpoints import start_over

Node = Any  # pipeline_pb2.Pipeline.PipelineOrNode, which has no type hints
# Settings that name a folder, in JSON that may be inside JSON; a digest stands for its content.
SOURCES = re.compile(
    rf"""((?:start_from|generator_from|import_from|train|eval)\\*":\s*\\*")(?!{LATEST_BLESSED})[^"\\]*"""
)
TRAINING_LOG = "trainer.report.progress"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Nodes:
    """The nodes of a run."""

    to_node: str | None = None  # run only this node and its ancestors; None: all nodes
    rerun: str | None = None  # this node and its descendants do not use the cache


def run_locally(
    pipeline: tfx_pipeline.Pipeline,
    run_id: str,
    timer: NodeTimer,
    chosen: Nodes | None = None,
    origin: Mapping[str, str] | None = None,
) -> None:
    """Run a pipeline's nodes on this machine in topological order; the first error ends the run.

    Args:
        pipeline: names the SQLite file of ML Metadata.
        run_id: name of the run in ML Metadata.
        timer: times each node.
        chosen: the nodes to run; None runs all.
        origin: code, host and user, recorded with the run in ML Metadata.

    Raises:
        InputError: a component rejected the text, the vocabulary or a setting; or there is no
            chosen node.
    """
    chosen = chosen or Nodes()
    compiled = compile_pipeline(pipeline, run_id)
    nodes = nodes_until(list(compiled.nodes), chosen.to_node)
    again = disable_cache_from(nodes, chosen.rerun)
    set_run_properties(compiled, run_id, origin or {})
    for node in nodes:
        node_id = node.pipeline_node.node_info.id
        timer.start(node_id)
        connection = open_metadata(compiled)
        launcher = make_launcher(NodeLauncher, compiled, node.pipeline_node, connection)
        with start_over() if node_id in again else contextlib.nullcontext():
            launcher.launch()
        return_free_memory()
        timer.finish(node_id)


def return_free_memory() -> None:
    """Give the kernel what glibc keeps of freed memory: after a vocabulary, 0.2 GB.

    This process holds it otherwise while the workers of the next nodes need theirs.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def disable_cache_from(nodes: list[Node], rerun: str | None) -> set[str]:
    """Let a node and its descendants run even if they are cached; return their ids.

    Raises:
        InputError: the node is not one of those that run.
    """
    if rerun is None:
        return set()
    ids = [node.pipeline_node.node_info.id for node in nodes]
    if rerun not in ids:
        raise not_before(rerun, ids[-1])
    again = {rerun}
    for node in (n.pipeline_node for n in nodes):
        if again.intersection([node.node_info.id, *node.upstream_nodes]):
            again.add(node.node_info.id)
            node.execution_options.caching_options.enable_cache = False
    return again


def nodes_until(nodes: list[Node], to_node: str | None) -> list[Node]:
    """Return a node and its ancestors, in the given order; all nodes for None.

    Raises:
        InputError: there is no such node.
    """
    if to_node is None:
        return nodes
    upstream = {n.pipeline_node.node_info.id: n.pipeline_node.upstream_nodes for n in nodes}
    if to_node not in upstream:
        raise InputError(
            f"--to-node {to_node}: no such node. Nodes of this pipeline: {', '.join(upstream)}."
        )
    needed = {to_node}
    for node_id in reversed(upstream):  # every node comes after its upstream nodes
        if node_id in needed:
            needed.update(upstream[node_id])
    return [node for node in nodes if node.pipeline_node.node_info.id in needed]


class NodeLauncher(HookedLauncher):
    """Look a node up in the cache, run it if needed, and publish its outputs."""

    def portable_text(self, name: str, text: str) -> str | None:
        """Remove folders from what a cache key holds, because digests stand for their content."""
        if name == "range_config":  # --span; the driver put the span into other parameters
            return None
        if name == "input_base":  # of the text; the input_fingerprint stands for it
            return ""
        pipeline_root = self._pipeline_runtime_spec.pipeline_root.field_value.string_value
        workdir = str(Path(pipeline_root).parents[1])  # of workdir/artifacts/recipe
        return SOURCES.sub(r"\1", text.replace(workdir, ""))

    def refuse_damaged_hit(self, artifacts: ArtifactsByKey) -> None:
        """Raise RuntimeError if a cached result is damaged."""
        for artifact in _each(artifacts):
            damage = find_damage(
                artifact.uri,
                artifact.type_name,
                digest=artifact.get_string_custom_property(OUTPUT_DIGEST) or None,
                published=artifact.get_string_custom_property(PUSHED_DESTINATION) or None,
            )
            if damage is not None:
                log.warning("A cached result is not reused: %s", damage)
                raise RuntimeError(damage)

    def prepare_outputs(self, artifacts: ArtifactsByKey) -> None:
        """Remove what output folders already contain.

        A store restored from a backup assigns ids again that newer runs had used.
        """
        for artifact in _each(artifacts):
            if Path(artifact.uri).is_dir():
                log.warning("%s: belongs to an execution unknown to this store", artifact.uri)
            storage.remove_tree(artifact.uri)

    def show_progress(self, inputs: ArtifactsByKey) -> contextlib.AbstractContextManager[object]:
        """Show how long the node has been running; what it counts itself is shown instead."""
        node = self._pipeline_node.node_info
        if node.id == TRAINER:
            return print_messages(TRAINING_LOG)  # on a terminal it draws a bar of its own
        return show_progress(node.id)

    def before_publish(self, executor_output: Any) -> None:
        """Record the digest of each output, together with the output itself."""
        failpoint("before-publish")
        for outputs in executor_output.output_artifacts.values():
            for artifact in outputs.artifacts:
                if digest := output_digest(artifact.uri):
                    artifact.custom_properties[OUTPUT_DIGEST].string_value = digest


def _each(artifacts: ArtifactsByKey) -> Iterator[Artifact]:
    for outputs in artifacts.values():
        yield from outputs
