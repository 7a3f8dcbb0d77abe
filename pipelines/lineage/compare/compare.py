"""Compare two runs part by part: settings, text, vocabulary, code, versions and metrics."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from components.code_digest import CODE_DIGITS
from core.errors import InputError
from core.json_object import flatten_facts
from core.manifest import Manifest
from pipelines.lineage.compare.differences import (
    Changes,
    Comparison,
    CorpusChange,
    changes_between,
    compare_documents,
    compare_files,
)
from pipelines.lineage.compare.explain import explain
from pipelines.lineage.find.run_list import find_trained_model, run_ending
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Execution, Run
from pipelines.metadata.names import TRAINER
from pipelines.metadata.recipe_keys import (
    code_digest,
    locations,
    parse_nested_json,
    recipe_settings,
)


@dataclass(frozen=True)
class Side:
    """One of the two runs. Cached nodes are replaced by the executions that did the work."""

    run: Run
    ending: str
    executions: Mapping[str, Execution]  # by node
    properties: Mapping[int, Mapping[str, Any]]  # exec properties, by execution

    def get_properties(self, node_id: str) -> Mapping[str, Any]:
        """Return the exec properties of a node; none if it did not run."""
        execution = self.executions.get(node_id)
        return self.properties.get(execution.id, {}) if execution else {}


def compare_runs(
    archive: Archive, before: Run, after: Run, *, read_documents: bool = True
) -> Comparison:
    """Compare two runs and explain how they differ.

    Without `read_documents`, documents are not counted; only their digests are compared.

    Raises:
        RecordError: a shard of the documents is damaged.
    """
    sides = _side(archive, before), _side(archive, after)
    nodes = list(dict.fromkeys([*sides[0].executions, *sides[1].executions]))
    both = [node for node in nodes if all(node in side.executions for side in sides)]
    manifests = [_manifests(archive, side) for side in sides]
    models = [find_trained_model(archive, side.executions.get(TRAINER)) for side in sides]
    comparison = Comparison(
        before=before.id,
        after=after.id,
        endings=(sides[0].ending, sides[1].ending),
        settings=changes_between(*(_settings(side, both) for side in sides)),
        places=changes_between(*(_locations(side, both) for side in sides)),
        same_text=_corpus_digest(manifests[0]) == _corpus_digest(manifests[1]),
        corpus=_corpus(archive, manifests) if read_documents and not archive.is_remote else None,
        vocabulary=_if_both(*(_vocabulary(of_side) for of_side in manifests)),
        code=changes_between(*(_code(side, both) for side in sides)),
        commits=changes_between(*(_commits(archive, side, both) for side in sides)),
        versions=_if_both(*(_versions(of_side) for of_side in manifests)),
        machine=_if_both(*(_machine(archive, side.run) for side in sides)),
        metrics=_shared_changes(*(_metrics(archive, side) for side in sides)),
        model=_if_both(*(_model(of_side) for of_side in manifests)),
        missing=tuple(
            (node, next(s.run.id for s in sides if node not in s.executions))
            for node in nodes if node not in both
        ),
        same_model=models[0] is not None and models[0] == models[1],
    )  # fmt: skip
    return replace(comparison, sentence=explain(comparison))


def run_parts(archive: Archive, run: Run) -> dict[str, dict[str, Any]]:
    """Return the values by which one run is compared with others: part to name to value."""
    side = _side(archive, run)
    nodes = list(side.executions)
    manifests = _manifests(archive, side)
    documents = manifests["examples"][1] if "examples" in manifests else None
    text = {"corpus_digest": documents.facts.get("corpus_digest")} if documents else {}
    for split, counts in documents.counts.items() if documents else ():
        text |= {f"{split}.{name}": count for name, count in counts.items() if count}
    return {
        "metrics": _metrics(archive, side),
        "settings": _settings(side, nodes),
        "text": text,
        "vocabulary": _vocabulary(manifests),
        "model": _model(manifests),
        "code": _code(side, nodes),
        "commits": _commits(archive, side, nodes),
        "versions": _versions(manifests),
        "machine": _machine(archive, run),
        "places": _locations(side, nodes),
    }


def _side(archive: Archive, run: Run) -> Side:
    graph = archive.graph
    executions = {n: graph.true_execution(e) for n, e in graph.of_run(run.id).items()}
    properties = archive.store.settings(e.id for e in executions.values())
    return Side(run, run_ending(archive, run), executions, properties)


Manifests = Mapping[str, tuple[Artifact, Manifest]]  # by output key


def _manifests(archive: Archive, side: Side) -> Manifests:
    by_key = {}
    for execution in side.executions.values():
        for edge in archive.graph.outputs(execution.id):
            artifact = archive.graph.artifacts[edge.artifact]
            manifest = archive.manifest(artifact) if edge.kind == "output" else None
            if manifest:
                by_key[edge.key] = (artifact, manifest)
    return by_key


def _settings(side: Side, nodes: list[str]) -> dict[str, Any]:
    return {k: v for n in nodes for k, v in recipe_settings(n, side.get_properties(n)).items()}


def _locations(side: Side, nodes: list[str]) -> dict[str, Any]:
    return {k: v for n in nodes for k, v in locations(n, side.get_properties(n)).items()}


def _code(side: Side, nodes: list[str]) -> dict[str, Any]:
    """Return the digest of each node's code, without its environment's, which has versions."""
    digests = {node: code_digest(side.get_properties(node)) for node in nodes}
    return {node: digest[:CODE_DIGITS] for node, digest in digests.items() if digest}


def _commits(archive: Archive, side: Side, nodes: list[str]) -> dict[str, Any]:
    """Return the git commit of each node's code; for a cached node, that of the older run."""
    commits = {}
    for node in nodes:
        git = archive.notes(side.executions[node].run_id).git
        if git.get("commit") and code_digest(side.get_properties(node)):
            edited = " with uncommitted changes" if git.get("dirty") else ""
            commits[node] = f"{str(git['commit'])[:12]}{edited}"
    return commits


def _corpus_digest(manifests: Manifests) -> str | None:
    if "examples" not in manifests:
        return None
    return str(manifests["examples"][1].facts.get("corpus_digest"))


def _corpus(archive: Archive, manifests: list[Manifests]) -> CorpusChange | None:
    """Compare the documents; None if they are the same or a run has none."""
    if any("examples" not in of_side for of_side in manifests):
        return None
    (before, first), (after, second) = (of_side["examples"] for of_side in manifests)
    if first.content_digest() == second.content_digest():
        return None
    if first.shards == second.shards:
        count = sum(counts.get("documents", 0) for counts in first.counts.values())
        files = compare_files(archive.folder(before), archive.folder(after))
        return CorpusChange(
            before=count, after=count, added=0, removed=0, added_ids=(), removed_ids=(),
            files=files,
        )  # fmt: skip
    try:
        return compare_documents((archive.folder(before), first), (archive.folder(after), second))
    except OSError as error:
        raise InputError(
            f"{error.filename}: missing, so the documents cannot be compared. "
            f"`textmill lineage verify` lists everything that is missing."
        ) from error


def _vocabulary(manifests: Manifests) -> dict[str, Any]:
    if "vocabulary" not in manifests:
        return {}
    facts = manifests["vocabulary"][1].facts
    return {name: facts[name] for name in ("digest", "vocab_size") if name in facts}


def _versions(manifests: Manifests) -> dict[str, Any]:
    versions = manifests["model"][1].facts.get("versions") if "model" in manifests else None
    return dict(versions) if isinstance(versions, dict) else {}


def _model(manifests: Manifests) -> dict[str, Any]:
    facts = manifests["model"][1].facts if "model" in manifests else {}
    names = ("parameters", "tokens_seen", "strategy", "replicas", "start_from", "start_digest")
    return {name: facts[name] for name in names if name in facts}


def _metrics(archive: Archive, side: Side) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for node in ("ModelEvaluator", "Pusher"):
        if execution := side.executions.get(node):
            for artifact in archive.outputs(execution).values():
                metrics |= dict(_numbers(archive.properties(artifact)))
    if trainer := side.executions.get(TRAINER):
        metrics["training_seconds"] = round(trainer.ended - trainer.began, 1)
    return metrics


def _machine(archive: Archive, run: Run) -> dict[str, Any]:
    origin = archive.origin(run.id)
    names = [name for name in ("hardware", "image_digest") if name in origin]
    return dict(flatten_facts({name: parse_nested_json(origin[name]) for name in names}))


def _shared_changes(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    """Compare only the metrics that both runs have."""
    both = before.keys() & after.keys()
    return changes_between({n: before[n] for n in both}, {n: after[n] for n in both})


def _if_both(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    """Compare only if both runs got as far as this part."""
    return changes_between(before, after) if before and after else ()


def _numbers(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in properties.items():
        if name in {"blessed", "pushed"}:
            yield name, bool(value)
        elif isinstance(value, int | float) and not name.endswith("_id"):
            yield name, value
