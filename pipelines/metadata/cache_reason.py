"""Explain in a few words why a node ran or was reused, and what it made."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.chance import LOSS_OF, describe_chance_level
from components.code_digest import CODE_DIGITS
from core.file_names import DOWNSTREAM, METRICS, PUBLISHED, TRAINING
from core.format_numbers import format_percent
from core.manifest import MANIFEST
from core.wording import shorten
from pipelines.metadata.folders import manifest_folder
from pipelines.metadata.names import CACHED, FAILED, KILLED, NOTE, RAN, RESOLVER
from pipelines.metadata.recipe_keys import parse_nested_json
from pipelines.metadata.records import ArtifactRecord, ArtifactRecords, ExecutionRecord, Records

MAX_SHOWN = 3  # changes named; the rest is counted
MAX_VALUE_CHARACTERS = 24
# Recorded by TFX and the spec runner for their own use; never the reason that a node ran.
# A folder is none either: the content of what is in it decides.
NOT_A_REASON = {
    "module_path", "span", "version", "output_parameters",
    "hash_buckets",  # computed from eval_fraction
    "range_config",  # --span; the pattern has the span that was read
    "input_base", "destination", "checkpoint_root", "pipeline_root",
}  # fmt: skip
Counts = dict[str, Any]


def settle(
    records: Records, pipeline: str, record: ExecutionRecord, *, rerun: str | None = None
) -> tuple[str, str]:
    """Return the state of an execution and the reason for it.

    A resolver looks up artifacts and makes none. It counts as cached if it found the same
    artifacts as the time before.

    Args:
        records: the execution and the earlier ones.
        pipeline: name of the pipeline.
        record: the execution.
        rerun: the node that `--rerun` named.
    """
    if record.node_id == rerun:
        return record.state, f"--rerun {rerun}"
    earlier = [e for e in records.of_node(pipeline, record.node_id) if e.id < record.id]
    succeeded = [e for e in earlier if e.state in {RAN, CACHED}]
    if record.type_name == RESOLVER:
        same = bool(succeeded) and _looked_up(succeeded[-1]) == _looked_up(record)
        # The end of the address, for example Trainer/model/10, fits in a table.
        uris = (a.uri.rstrip("/").split("/") for a in record.outputs.get("model", ()))
        models = ", ".join("/".join(parts[-3:]) for parts in uris)
        return CACHED if same else record.state, f"found {models or 'no other blessed model'}"
    if record.state == CACHED:
        runs = [producer.run_id for producer in records.producers(record)]
        return record.state, f"unchanged since run {runs[-1]}" if runs else "unchanged"
    if not succeeded:
        return record.state, after_failure(earlier)
    before = with_facts_of_producer(records, succeeded[-1])
    return record.state, _why_it_ran(before, record)


def with_facts_of_producer(records: Records, record: ExecutionRecord) -> ExecutionRecord:
    """Add what a cached execution does not record, such as the fingerprint of the text."""
    if record.state != CACHED:
        return record
    for producer in records.producers(record):
        settings = {**producer.settings, **record.settings}
        if "input_config" in producer.settings:  # the other one has {SPAN} in its pattern
            settings["input_config"] = producer.settings["input_config"]
        record = replace(record, settings=settings)
    return record


def after_failure(earlier: list[ExecutionRecord]) -> str:
    """Return the reason of a node that never succeeded before."""
    if not earlier:
        return "first run"
    last = earlier[-1]
    if last.state == FAILED:
        return "the last try failed"
    return f"the last try was {'killed' if last.settings.get(NOTE) == KILLED else 'stopped'}"


def _why_it_ran(before: ExecutionRecord, record: ExecutionRecord) -> str:
    changes = list(compare(before, record))
    if not changes:
        return "the earlier result is gone or was altered"
    rest = len(changes) - MAX_SHOWN
    return "; ".join(changes[:MAX_SHOWN]) + (f"; and {rest} more" if rest > 0 else "")


def compare(before: ExecutionRecord, after: ExecutionRecord) -> Iterator[str]:
    """Yield the differences between two executions of a node, settings first."""
    for name in sorted({*after.settings, *before.settings}):
        yield from _compare_values(name, before.settings.get(name), after.settings.get(name))
    for name in sorted(set(after.inputs) | set(before.inputs)):
        if _ids(before.inputs).get(name) != _ids(after.inputs).get(name):
            yield f"{name} changed"


def _looked_up(record: ExecutionRecord) -> dict[str, list[int]]:
    """Return the artifacts that a resolver found, without the candidate of the run itself."""
    return {key: ids for key, ids in _ids(record.outputs).items() if key != "candidate"}


def _ids(artifacts: ArtifactRecords) -> dict[str, list[int]]:
    return {key: [artifact.id for artifact in of_key] for key, of_key in artifacts.items()}


def _compare_values(name: str, before: Any, after: Any) -> Iterator[str]:
    before, after = parse_nested_json(before), parse_nested_json(after)
    if before == after or name in NOT_A_REASON:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(set(before) | set(after)):
            yield from _compare_values(key, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for old, new in zip(before, after, strict=True):
            yield from _compare_values(name, old, new)
    elif name == "code_digest":
        same_code = str(before)[:CODE_DIGITS] == str(after)[:CODE_DIGITS]
        yield "environment changed" if same_code else "code changed"
    elif name == "input_fingerprint":
        yield "text changed"
    elif name == "tasks_digest":
        yield "a file of a task changed"
    else:
        yield f"{name} {_short(before)} → {_short(after)}"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if is_list and len(text) > MAX_VALUE_CHARACTERS:
        return f"{len(value)} values"
    return shorten(text, MAX_VALUE_CHARACTERS)


def node_counts(record: ExecutionRecord) -> Counts:
    """Return the counts of a node's output artifacts by output key; none for a resolver."""
    if record.type_name == RESOLVER:
        return {}
    read = {
        key: _read(artifact) for key, artifacts in record.outputs.items() for artifact in artifacts
    }
    return {key: counts for key, counts in read.items() if counts}


def summarize_counts(counts: Counts) -> str:
    """Return the most important counts in words, or an empty string."""
    parts = (summarize(counts[key]) for key, summarize in _SUMMARIES.items() if key in counts)
    return "; ".join(text for text in parts if text)


def _read(artifact: ArtifactRecord) -> Counts:
    folder = Path(artifact.uri)
    if with_manifest := manifest_folder(folder):
        manifest = json.loads((with_manifest / MANIFEST).read_text(encoding="utf-8"))
        facts = {k: v for k, v in manifest["facts"].items() if not isinstance(v, dict | list)}
        return {"counts": manifest["counts"], "facts": facts}
    for name in (METRICS, TRAINING, PUBLISHED, DOWNSTREAM):
        if (folder / name).is_file():
            content = json.loads((folder / name).read_text(encoding="utf-8"))
            kept = ("reasons", "task_scores")
            return {k: v for k, v in content.items() if not isinstance(v, list) or k in kept}
    return {}


def _documents(counts: Counts) -> str:
    splits = counts["counts"]
    sentences = sum(split.get("sentences", 0) for split in splits.values())
    return f"{_per_split(splits, 'documents')} documents, {sentences:,} sentences"


def _vocabulary(counts: Counts) -> str:
    return f"{counts['facts']['vocab_size']:,} pieces"


def _instances(counts: Counts) -> str:
    instances = _per_split(counts["counts"], "instances")
    return f"{instances} instances, {counts['facts']['form']} masking"


def _per_split(splits: Counts, counter: str) -> str:
    """Return for example "1,200 train + 90 eval", train first; "all" is not a split."""
    names = sorted(set(splits) - {"all"}, key=lambda name: (name != "train", name))
    return " + ".join(f"{splits[name][counter]:,} {name}" for name in names)


def _model(counts: Counts) -> str:
    facts = counts["facts"]
    return f"{facts['parameters']:,} parameters, {facts['steps']:,} steps"


def _training(counts: Counts) -> str:
    """Return for example "1,200 tokens/s; polarity.probe 0.520 → 0.705"."""
    if "tokens_per_second" not in counts:
        return ""
    points = counts.get("task_scores") or [{}]
    first, last = points[0], points[-1]
    scores = [f"{name} {first[name]:.3f} → {last[name]:.3f}" for name in first if name != "step"]
    return "; ".join([f"{counts['tokens_per_second']:,.0f} tokens/s", *scores])


def _evaluation(counts: Counts) -> str:
    metrics = counts["metrics"]
    at_chance = describe_chance_level(metrics)
    blessed = "blessed" if counts["blessed"] else "NOT blessed"
    blessed += f"; no better than chance: {at_chance}" if at_chance else ""
    if "replaced_token_auc" in metrics:
        return f"replaced-token detection AUC {metrics['replaced_token_auc']:.3f}, {blessed}"
    return (
        f"held-out loss {metrics['masked_lm_loss']:.3f} nats (unigram "
        f"{metrics['unigram_loss']:.3f}), accuracy "
        f"{format_percent(metrics['masked_lm_accuracy'])}{_by_source(metrics)}, {blessed}"
    )


def _by_source(metrics: Counts) -> str:
    """Return for example " (by source: books 4.102, web 4.518)", or ""."""
    losses = [
        f"{name.removeprefix(LOSS_OF)} {loss:.3f}"
        for name, loss in sorted(metrics.items())
        if name.startswith(LOSS_OF)
    ]
    return f" (by source: {', '.join(losses)})" if losses else ""


def _downstream(counts: Counts) -> str:
    """Return for example "polarity accuracy 0.812 ± 0.010 (random weights 0.600)"."""
    return "; ".join(
        f"{name} {task['metric']} {tuned['model']['mean']:.3f} ± {tuned['model']['spread']:.3f} "
        f"(random weights {tuned['random']['mean']:.3f})"
        for name, task in counts["tasks"].items()
        if (tuned := task["fine_tuning"])
    )


def _published(counts: Counts) -> str:
    return f"version {counts['version']}" if counts.get("version") else "not published"


_SUMMARIES: dict[str, Callable[[Counts], str]] = {
    "examples": _documents,
    "vocabulary": _vocabulary,
    "instances": _instances,
    "model": _model,
    "model_run": _training,
    "evaluation": _evaluation,
    "downstream_evaluation": _downstream,
    "pushed_model": _published,
}
