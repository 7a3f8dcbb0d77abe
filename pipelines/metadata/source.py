"""Declare what Textmill reads from a store of metadata.

Lineage, the reasons for reuse, summaries and plans read through this interface alone. `read_store`
implements it for ML Metadata's SQLite file, and `lineage.vertex_store` for Vertex ML Metadata.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pipelines.metadata.graph import Graph

Properties = dict[str, Any]


class MetadataSource(Protocol):
    """A source of runs, executions and artifacts."""

    def graph(self) -> Graph:
        """Return all runs, executions, artifacts and edges."""

    def settings(self, execution_ids: Iterable[int]) -> Mapping[int, Properties]:
        """Return the exec properties of executions."""

    def properties(
        self, artifact_ids: Iterable[int] | None = None, names: tuple[str, ...] = ()
    ) -> Mapping[int, Properties]:
        """Return the named properties of artifacts; None stands for all artifacts, () for all."""

    def origins(self) -> Mapping[str, Properties]:
        """Return the code, host and user recorded for each run."""
