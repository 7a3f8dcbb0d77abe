"""Open a workdir's lineage: the graph, its properties, and the folders behind it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from core import storage
from core.file_names import STORE
from core.manifest import Manifest
from pipelines.metadata.folders import (
    RunNotes,
    find_manifest,
    find_remote_manifest,
    local_folder,
    read_notes,
    running_run,
)
from pipelines.metadata.graph import Artifact, Execution, Graph
from pipelines.metadata.read_store import Store
from pipelines.metadata.source import MetadataSource, Properties

# Equal for every artifact, or TFX's own.
IGNORED_PROPERTIES = {"tfx_version", "is_external", "stats_dashboard_link", "split_names",
                      "file_format", "payload_format"}  # fmt: skip


class Archive:
    """The lineage of one workdir. Each answer is read once."""

    def __init__(self, workdir: Path, source: MetadataSource | None = None) -> None:
        """Open the store of a workdir.

        Args:
            workdir: folder of the runs; with a `source`, the base of relative links.
            source: a store to read instead of the workdir's; its artifacts are on an object store.

        Raises:
            StoreError: there is no store, or it cannot be read.
        """
        self.workdir = workdir.expanduser().resolve()
        self.is_remote = source is not None
        self.store: MetadataSource = source or Store(self.workdir / STORE)
        self._manifests: dict[int, Manifest | None] = {}
        self._notes: dict[str, RunNotes] = {}

    @cached_property
    def graph(self) -> Graph:
        """All runs, executions, artifacts and edges."""
        graph = self.store.graph()
        return graph.with_running(self.running) if self.running else graph

    @cached_property
    def running(self) -> str | None:
        """The id of the run that is in progress in the workdir."""
        return None if self.is_remote else running_run(self.workdir)

    def folder(self, artifact: Artifact) -> Path:
        """Return the artifact's folder on this machine."""
        return local_folder(artifact.uri, self.workdir)

    def location(self, artifact: Artifact) -> str:
        """Return the artifact's folder, on this machine or on an object store."""
        return artifact.uri if storage.is_remote(artifact.uri) else str(self.folder(artifact))

    def exists(self, artifact: Artifact) -> bool:
        """Return whether the artifact's folder exists; an object store is not queried."""
        if storage.is_remote(artifact.uri):
            return artifact.live
        return self.folder(artifact).exists()

    def manifest(self, artifact: Artifact) -> Manifest | None:
        """Return the artifact's manifest, or None if it has none."""
        if artifact.id not in self._manifests:
            self._manifests[artifact.id] = (
                find_remote_manifest(artifact.uri, artifact.type_name)
                if storage.is_remote(artifact.uri)
                else find_manifest(self.folder(artifact))
            )
        return self._manifests[artifact.id]

    def notes(self, run_id: str) -> RunNotes:
        """Return the facts in the run's summary."""
        if run_id not in self._notes:
            notes = RunNotes() if self.is_remote else read_notes(self.workdir, run_id)
            origin = self.origin(run_id)
            if not notes.git and "git_commit" in origin:  # a killed run has no summary
                dirty = {"yes": True, "no": False}.get(origin.get("git_dirty", ""))
                notes = replace(notes, git={"commit": origin["git_commit"], "dirty": dirty})
            self._notes[run_id] = notes
        return self._notes[run_id]

    def origin(self, run_id: str) -> dict[str, Any]:
        """Return the code, host and user that ML Metadata has on record for a run."""
        return dict(self._origins.get(run_id, {}))

    @cached_property
    def _origins(self) -> Mapping[str, Properties]:
        return self.store.origins()

    def settings(self, execution: Execution) -> Properties:
        """Return the exec properties of an execution."""
        return dict(self.store.settings([execution.id]).get(execution.id, {}))

    def properties(self, artifact: Artifact) -> Properties:
        """Return the properties of an artifact, without those that all artifacts share."""
        properties = self.store.properties([artifact.id]).get(artifact.id, {})
        return {
            name: value
            for name, value in sorted(properties.items())
            if name not in IGNORED_PROPERTIES
        }

    def outputs(self, execution: Execution) -> dict[str, Artifact]:
        """Return what an execution wrote, reused or looked up, by key; the last one per key."""
        edges = self.graph.outputs(execution.id)
        return {edge.key: self.graph.artifacts[edge.artifact] for edge in edges}

    def inputs(self, execution: Execution) -> dict[str, Artifact]:
        """Return what an execution read, by key; the last one per key."""
        edges = self.graph.inputs(execution.id)
        return {edge.key: self.graph.artifacts[edge.artifact] for edge in edges}
