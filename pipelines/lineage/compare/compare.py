"""Two runs to what differs between them, and to one sentence that explains it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.manifest import Manifest
from core.wording import flatten
from pipelines.lineage.compare.changes import Changes, Comparison, changes_between
from pipelines.lineage.compare.corpus_change import CorpusChange, compare_documents, compare_files
from pipelines.lineage.compare.explain import explain
from pipelines.lineage.find.run_list import run_ending
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Execution, Run
from pipelines.metadata.recipe_keys import (
    code_digest,
    locations,
    parse_nested_json,
    recipe_settings,
)

MACHINE = {"hardware", "image_digest"}  # of a run's origin


@dataclass(frozen=True)
class Side:
    """One of the two runs; cached nodes stand for the executions that did their work."""

    run: Run
    ending: str
    executions: Mapping[str, Execution]
    settings: Mapping[int, Mapping[str, Any]]  # exec properties, by execution

    def told(self, node_id: str) -> Mapping[str, Any]:
        """A node's exec properties; none if it did not run."""
        execution = self.executions.get(node_id)
        return self.settings.get(execution.id, {}) if execution else {}


def compare_runs(
    archive: Archive, before: Run, after: Run, *, read_documents: bool = True
) -> Comparison:
    """Compares settings, text, vocabulary, code, versions and metrics.

    Args:
        archive: the workdir's.
        before: the run that is the measure.
        after: the other one.
        read_documents: count the documents that differ; without it, only that they do is told.

    Raises:
        RecordError: a shard of the documents is damaged.
    """
    sides = _side(archive, before), _side(archive, after)
    nodes = list(dict.fromkeys([*sides[0].executions, *sides[1].executions]))
    both = [node for node in nodes if all(node in side.executions for side in sides)]
    facts = [_manifests(archive, side) for side in sides]
    comparison = Comparison(
        before=before.id,
        after=after.id,
        endings=(sides[0].ending, sides[1].ending),
        settings=changes_between(*(_settings(side, both) for side in sides)),
        places=changes_between(*(_places(side, both) for side in sides)),
        same_text=_digest_of(facts[0], "examples") == _digest_of(facts[1], "examples"),
        corpus=_corpus(archive, facts) if read_documents and not archive.is_remote else None,
        vocabulary=_if_both(*(_vocabulary(found) for found in facts)),
        code=changes_between(*(_code(side, both) for side in sides)),
        commits=changes_between(*(_commits(archive, side, both) for side in sides)),
        versions=_if_both(*(_versions(found) for found in facts)),
        machine=_if_both(*(_machine(archive, side.run) for side in sides)),
        metrics=_shared_changes(*(_metrics(archive, side) for side in sides)),
        model=_if_both(*(_model(found) for found in facts)),
        missing=tuple(
            (node, next(s.run.id for s in sides if node not in s.executions))
            for node in nodes if node not in both
        ),
        same_model=_model_ids(archive, sides),
    )  # fmt: skip
    return comparison.explained(explain(comparison))


def run_parts(archive: Archive, run: Run) -> dict[str, dict[str, Any]]:
    """All that two runs are compared by, of one run: part to name to value."""
    side = _side(archive, run)
    nodes = list(side.executions)
    facts = _manifests(archive, side)
    documents = facts["examples"][1] if "examples" in facts else None
    text = {"corpus_digest": documents.facts.get("corpus_digest")} if documents else {}
    for split, counts in documents.counts.items() if documents else ():
        text |= {f"{split}.{name}": count for name, count in counts.items() if count}
    return {
        "metrics": _metrics(archive, side),
        "settings": _settings(side, nodes),
        "text": text,
        "vocabulary": _vocabulary(facts),
        "model": _model(facts),
        "code": _code(side, nodes),
        "commits": _commits(archive, side, nodes),
        "versions": _versions(facts),
        "machine": _machine(archive, run),
        "places": _places(side, nodes),
    }


def _side(archive: Archive, run: Run) -> Side:
    graph = archive.graph
    executions = {n: graph.true_execution(e) for n, e in graph.of_run(run.id).items()}
    settings = archive.store.settings(e.id for e in executions.values())
    return Side(run, run_ending(archive, run), executions, settings)


Manifests = Mapping[str, tuple[Artifact, Manifest]]  # by output key


def _manifests(archive: Archive, side: Side) -> Manifests:
    found = {}
    for execution in side.executions.values():
        for edge in archive.graph.outputs(execution.id):
            artifact = archive.graph.artifacts[edge.artifact]
            manifest = archive.manifest(artifact) if edge.kind == "output" else None
            if manifest:
                found[edge.key] = (artifact, manifest)
    return found


def _settings(side: Side, nodes: list[str]) -> dict[str, Any]:
    return {k: v for n in nodes for k, v in recipe_settings(n, side.told(n)).items()}


def _places(side: Side, nodes: list[str]) -> dict[str, Any]:
    return {k: v for n in nodes for k, v in locations(n, side.told(n)).items()}


def _code(side: Side, nodes: list[str]) -> dict[str, Any]:
    digests = {node: code_digest(side.told(node)) for node in nodes}
    return {node: digest for node, digest in digests.items() if digest}


def _commits(archive: Archive, side: Side, nodes: list[str]) -> dict[str, Any]:
    """The git commit that each node's code was of; a cached node's is the older run's."""
    told = {}
    for node in nodes:
        git = archive.notes(side.executions[node].run_id).git
        if git.get("commit") and code_digest(side.told(node)):
            edited = " with uncommitted changes" if git.get("dirty") else ""
            told[node] = f"{str(git['commit'])[:12]}{edited}"
    return told


def _digest_of(found: Manifests, key: str) -> str | None:
    return str(found[key][1].facts.get("corpus_digest")) if key in found else None


def _corpus(archive: Archive, facts: list[Manifests]) -> CorpusChange | None:
    """None where the text is the same, or a side has none."""
    if any("examples" not in found for found in facts):
        return None
    (before, first), (after, second) = (found["examples"] for found in facts)
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
            f"{error.filename}: gone, so documents cannot be compared. "
            f"`textmill lineage verify` tells what else is."
        ) from error


def _vocabulary(found: Manifests) -> dict[str, Any]:
    if "vocabulary" not in found:
        return {}
    facts = found["vocabulary"][1].facts
    return {name: facts[name] for name in ("digest", "vocab_size") if name in facts}


def _versions(found: Manifests) -> dict[str, Any]:
    versions = found["model"][1].facts.get("versions") if "model" in found else None
    return dict(versions) if isinstance(versions, dict) else {}


def _model(found: Manifests) -> dict[str, Any]:
    facts = found["model"][1].facts if "model" in found else {}
    wanted = ("parameters", "tokens_seen", "strategy", "replicas", "start_from", "start_digest")
    return {name: facts[name] for name in wanted if name in facts}


def _metrics(archive: Archive, side: Side) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for node in ("ModelEvaluator", "Pusher"):
        if execution := side.executions.get(node):
            for artifact in archive.outputs(execution).values():
                numbers |= dict(_measures(archive.properties(artifact)))
    if trainer := side.executions.get("Trainer"):
        numbers["training_seconds"] = round(trainer.ended - trainer.began, 1)
    return numbers


def _machine(archive: Archive, run: Run) -> dict[str, Any]:
    origin = archive.origin(run.id)
    kept: dict[str, Any] = {
        name: parse_nested_json(origin[name])
        for name in ("hardware", "image_digest")
        if name in origin
    }
    return dict(flatten(kept))


def _shared_changes(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    """A metric that only one run came to is no difference of metrics."""
    both = before.keys() & after.keys()
    return changes_between({n: before[n] for n in both}, {n: after[n] for n in both})


def _if_both(before: dict[str, Any], after: dict[str, Any]) -> Changes:
    """Nothing differs where one run did not come so far."""
    return changes_between(before, after) if before and after else ()


def _measures(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in properties.items():
        if name in {"blessed", "pushed"}:
            yield name, bool(value)
        elif isinstance(value, int | float) and not name.endswith("_id"):
            yield name, value


def _model_ids(archive: Archive, sides: tuple[Side, Side]) -> bool:
    """Whether both runs stand for one and the same model."""
    ids = []
    for side in sides:
        trainer = side.executions.get("Trainer")
        model = archive.outputs(trainer).get("model") if trainer else None
        ids.append(model.id if model else None)
    return ids[0] is not None and ids[0] == ids[1]
