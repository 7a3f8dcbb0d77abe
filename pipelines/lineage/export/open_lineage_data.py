"""Convert artifacts to OpenLineage datasets, named by their folders."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from openlineage.client import event_v2 as ol
from openlineage.client.generated.base import DatasetFacet, OutputDatasetFacet
from openlineage.client.generated.dataset_type_dataset import DatasetTypeDatasetFacet
from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
from openlineage.client.generated.documentation_dataset import DocumentationDatasetFacet
from openlineage.client.generated.output_statistics_output_dataset import (
    OutputStatisticsOutputDatasetFacet,
)
from openlineage.client.generated.tags_dataset import TagsDatasetFacet, TagsDatasetFacetFields

from core.json_object import flatten_facts
from pipelines.lineage.find.select import parent_model
from pipelines.lineage.find.show import noun, summarize_artifact
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Execution
from pipelines.metadata.names import PUSHED_DESTINATION

SOURCE = "TEXTMILL"  # of tags
MODELS = {"Model", "PushedModel"}  # artifact types
ROWS = ("documents", "instances")  # kinds of manifests, and the counters of their records


def read_by(
    archive: Archive, execution: Execution, settings: Mapping[str, Any],
    properties: Mapping[str, Any],
) -> list[ol.InputDataset]:  # fmt: skip
    """Return an execution's inputs: artifacts, text, and the model that training started from."""
    edges = archive.graph.inputs(execution.id)
    read = [_dataset(archive, archive.graph.artifacts[edge.artifact]) for edge in edges]
    return [*read, *_outer_inputs(archive, settings, properties)]


def written_by(archive: Archive, execution: Execution) -> list[ol.OutputDataset]:
    """Return an execution's outputs: artifacts, and the folder that it published to."""
    edges = [e for e in archive.graph.outputs(execution.id) if e.kind == "output"]
    written = [archive.graph.artifacts[edge.artifact] for edge in edges]
    return [out for artifact in written for out in _outputs(archive, artifact)]


def _dataset(archive: Archive, artifact: Artifact) -> ol.InputDataset:
    namespace, name = _dataset_name(archive.location(artifact))
    return ol.InputDataset(namespace, name, facets=_dataset_facets(archive, artifact))


def _outputs(archive: Archive, artifact: Artifact) -> Iterator[ol.OutputDataset]:
    """Yield the artifact itself, and the folder that it was published to, if any."""
    facets = _dataset_facets(archive, artifact)
    namespace, name = _dataset_name(archive.location(artifact))
    statistics = _statistics(archive, artifact)
    yield ol.OutputDataset(namespace, name, facets=facets, outputFacets=statistics)
    published = archive.properties(artifact).get(PUSHED_DESTINATION)
    if published:
        namespace, name = _dataset_name(str(published))
        yield ol.OutputDataset(namespace, name, facets=facets)


def _outer_inputs(
    archive: Archive, settings: Mapping[str, Any], properties: Mapping[str, Any]
) -> Iterator[ol.InputDataset]:
    """Yield inputs that no node wrote: the text, and the model that training started from."""
    if fingerprint := properties.get("input_fingerprint"):
        namespace, name = _dataset_name(str(properties.get("input_base", "")))
        facets: dict[str, DatasetFacet] = {
            "version": DatasetVersionDatasetFacet(str(fingerprint)),
            "datasetType": DatasetTypeDatasetFacet("FILE", subType="TEXT"),
        }
        yield ol.InputDataset(namespace, name, facets=facets)
    start = settings.get("model.start_from")
    if isinstance(start, str) and (parent := parent_model(archive, settings)):
        yield _dataset(archive, parent)
    elif isinstance(start, str):
        namespace, name = _dataset_name(start)
        yield ol.InputDataset(
            namespace, name, facets={"datasetType": DatasetTypeDatasetFacet("MODEL")}
        )


def _dataset_facets(archive: Archive, artifact: Artifact) -> dict[str, DatasetFacet]:
    name = noun(artifact, archive.graph.producer(artifact.id))
    kind = "MODEL" if artifact.type_name in MODELS else "JOB_OUTPUT"
    properties = flatten_facts(archive.properties(artifact))
    tags = {"artifact": str(artifact.id), "type": artifact.type_name, **properties}
    facets: dict[str, DatasetFacet] = {
        "datasetType": DatasetTypeDatasetFacet(kind, subType=name.upper().replace(" ", "_")),
        "tags": TagsDatasetFacet(
            [TagsDatasetFacetFields(k, v, source=SOURCE) for k, v in tags.items()]
        ),
    }
    if words := summarize_artifact(archive, artifact):
        facets["documentation"] = DocumentationDatasetFacet(f"{name}: {words}")
    manifest = archive.manifest(artifact)
    if manifest:
        facets["version"] = DatasetVersionDatasetFacet(manifest.content_digest())
    return facets


def _statistics(archive: Archive, artifact: Artifact) -> dict[str, OutputDatasetFacet]:
    manifest = archive.manifest(artifact)
    if manifest is None:
        return {}
    shards = [shard for of_split in manifest.shards.values() for shard in of_split]
    counters = manifest.counts.values() if manifest.kind in ROWS else ()
    rows = [counts[manifest.kind] for counts in counters if manifest.kind in counts]
    facet = OutputStatisticsOutputDatasetFacet(
        rowCount=sum(rows) if rows else None,
        size=sum(shard.size_bytes for shard in shards),
        fileCount=len(shards),
    )
    return {"outputStatistics": facet}


def _dataset_name(uri: str) -> tuple[str, str]:
    """Return namespace and name of a folder by OpenLineage's Naming.md: file, or gs://bucket."""
    parts = urlsplit(uri)
    if parts.netloc:
        return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/") or "/"
    return "file", uri
