"""A workdir's lineage, open for questions: the graph, its properties, and the folders behind it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from core import storage
from core.manifest import Manifest
from pipelines.lineage.store.folders import (
    RunNotes,
    find_manifest,
    find_remote_manifest,
    local_folder,
    read_notes,
)
from pipelines.lineage.store.graph import Artifact, Execution, Graph
from pipelines.lineage.store.read_store import Properties, Store
from pipelines.lineage.store.running import running_run

STORE = "metadata.sqlite"  # pipelines.workdir.Workdir.metadata
# Of every artifact alike, or of TFX for itself.
DULL = {"tfx_version", "is_external", "stats_dashboard_link", "split_names", "file_format",
        "payload_format"}  # fmt: skip


class MetadataSource(Protocol):
    """Where runs, executions and artifacts are read from: a file, or Vertex ML Metadata."""

    def graph(self) -> Graph:
        """The whole structure."""

    def settings(self, execution_ids: Iterable[int]) -> Mapping[int, Properties]:
        """The exec properties of executions."""

    def properties(
        self, artifact_ids: Iterable[int] | None = None, names: tuple[str, ...] = ()
    ) -> Mapping[int, Properties]:
        """The properties of artifacts; of all of them, if None is given, those of these names."""

    def origins(self) -> Mapping[str, Properties]:
        """What is kept of each run."""


class Archive:
    """What every lineage command asks; each answer is read once."""

    def __init__(self, workdir: Path, source: MetadataSource | None = None) -> None:
        """Opens the store of a workdir.

        Args:
            workdir: the folder of the runs; where `source` is given, links are relative to it.
            source: another store than the workdir's, whose artifacts lie on an object store.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        self.workdir = workdir.expanduser().resolve()
        self.is_remote = source is not None
        self.store: MetadataSource = source or Store(self.workdir / STORE)
        self._manifests: dict[int, Manifest | None] = {}
        self._notes: dict[str, RunNotes] = {}

    @cached_property
    def graph(self) -> Graph:
        """The whole structure."""
        graph = self.store.graph()
        return graph.with_running(self.running) if self.running else graph

    @cached_property
    def running(self) -> str | None:
        """The run that is at work in the workdir now."""
        return None if self.is_remote else running_run(self.workdir)

    def folder(self, artifact: Artifact) -> Path:
        """Where the artifact lies on this machine."""
        return local_folder(artifact.uri, self.workdir)

    def place(self, artifact: Artifact) -> str:
        """Where the artifact lies: a folder of this machine or of an object store."""
        return artifact.uri if storage.is_remote(artifact.uri) else str(self.folder(artifact))

    def exists(self, artifact: Artifact) -> bool:
        """Whether the artifact's folder is there; an object store is not asked."""
        is_elsewhere = storage.is_remote(artifact.uri)
        return artifact.live if is_elsewhere else self.folder(artifact).exists()

    def manifest(self, artifact: Artifact) -> Manifest | None:
        """The artifact's manifest; None where there is none."""
        if artifact.id not in self._manifests:
            is_elsewhere = storage.is_remote(artifact.uri)
            self._manifests[artifact.id] = (
                find_remote_manifest(artifact.uri, artifact.type_name)
                if is_elsewhere
                else find_manifest(self.folder(artifact))
            )
        return self._manifests[artifact.id]

    def notes(self, run_id: str) -> RunNotes:
        """What the run's summary says."""
        if run_id not in self._notes:
            notes = RunNotes() if self.is_remote else read_notes(self.workdir, run_id)
            origin = self.origin(run_id)
            if not notes.git and "git_commit" in origin:  # a killed run left no summary
                dirty = {"yes": True, "no": False}.get(origin.get("git_dirty", ""))
                notes = replace(notes, git={"commit": origin["git_commit"], "dirty": dirty})
            self._notes[run_id] = notes
        return self._notes[run_id]

    def origin(self, run_id: str) -> dict[str, Any]:
        """By which code, on what and by whom a run was made, as ML Metadata has it."""
        return dict(self._origins.get(run_id, {}))

    @cached_property
    def _origins(self) -> Mapping[str, Mapping[str, Any]]:
        return self.store.origins()

    def properties(self, artifact: Artifact) -> dict[str, Any]:
        """What was recorded of an artifact; what all have alike is left out."""
        found: Mapping[str, Any] = self.store.properties([artifact.id]).get(artifact.id, {})
        return {name: value for name, value in sorted(found.items()) if name not in DULL}

    def outputs(self, execution: Execution) -> dict[str, Artifact]:
        """What an execution wrote, reused or found, by key; the last one where there are more."""
        edges = self.graph.outputs(execution.id)
        return {edge.key: self.graph.artifacts[edge.artifact] for edge in edges}

    def inputs(self, execution: Execution) -> dict[str, Artifact]:
        """What an execution read, by key; the last one where there are more."""
        edges = self.graph.inputs(execution.id)
        return {edge.key: self.graph.artifacts[edge.artifact] for edge in edges}
