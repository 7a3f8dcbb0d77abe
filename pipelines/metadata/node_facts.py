"""Collect the counts of a node's outputs, and summarize them in a few words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.manifest import MANIFEST
from pipelines.metadata.folders import manifest_folder
from pipelines.metadata.names import RESOLVER
from pipelines.metadata.records import ArtifactRecord, ExecutionRecord

Counts = dict[str, Any]


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
    for name in ("metrics.json", "training.json", "published.json"):
        if (folder / name).is_file():
            content = json.loads((folder / name).read_text(encoding="utf-8"))
            return {k: v for k, v in content.items() if not isinstance(v, list) or k == "reasons"}
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
    return f"{counts['tokens_per_second']:,.0f} tokens/s" if "tokens_per_second" in counts else ""


def _evaluation(counts: Counts) -> str:
    metrics = counts["metrics"]
    blessed = "blessed" if counts["blessed"] else "NOT blessed"
    if "replaced_token_auc" in metrics:
        return f"replaced-token detection AUC {metrics['replaced_token_auc']:.3f}, {blessed}"
    return (
        f"held-out loss {metrics['masked_lm_loss']:.3f} nats (unigram "
        f"{metrics['unigram_loss']:.3f}), accuracy {metrics['masked_lm_accuracy']:.1%}, {blessed}"
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
    "pushed_model": _published,
}
