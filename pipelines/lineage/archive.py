"""A workdir's lineage, open for questions: the graph, its properties, and the folders behind it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.lineage.folders import RunNotes, find_manifest, local_folder, read_notes
from pipelines.lineage.graph import Artifact, Execution, Graph
from pipelines.lineage.read_store import Store
from pipelines.lineage.running import running_run
from trainer.manifest import Manifest

STORE = "metadata.sqlite"  # pipelines.workdir.Workdir.metadata
# Of every artifact alike, or of TFX for itself.
DULL = {"tfx_version", "is_external", "stats_dashboard_link", "split_names", "file_format",
        "payload_format"}  # fmt: skip


class Archive:
    """What every lineage command asks; each answer is read once."""

    def __init__(self, workdir: Path) -> None:
        """Opens the store of a workdir.

        Raises:
            StoreError: there is none, or it cannot be read.
        """
        self.workdir = workdir.expanduser().resolve()
        self.store = Store(self.workdir / STORE)
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
        return running_run(self.workdir)

    def folder(self, artifact: Artifact) -> Path:
        """Where the artifact lies."""
        return local_folder(artifact.uri, self.workdir)

    def manifest(self, artifact: Artifact) -> Manifest | None:
        """The artifact's manifest; None where there is none."""
        if artifact.id not in self._manifests:
            self._manifests[artifact.id] = find_manifest(self.folder(artifact))
        return self._manifests[artifact.id]

    def notes(self, run_id: str) -> RunNotes:
        """What the run's summary says."""
        if run_id not in self._notes:
            notes = read_notes(self.workdir, run_id)
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
