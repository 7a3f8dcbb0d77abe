"""What a node made, to counts for the record and a few words for the summary's table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.manifest import MANIFEST
from pipelines.metadata.records import RESOLVER, ArtifactRecord, ExecutionRecord

Counts = dict[str, Any]
SAVED_MODEL = "Format-Serving"  # tfx.utils.path_utils' folder of a model that serves


def node_counts(record: ExecutionRecord) -> Counts:
    """All counts that a node's artifacts carry, by artifact key."""
    found: Counts = {}
    if record.type_name == RESOLVER:
        return found  # it looks up what others made
    for key, artifacts in record.outputs.items():
        for artifact in artifacts:
            counts = _read(artifact)
            if counts:
                found[key] = counts
    return found


def node_words(counts: Counts) -> str:
    """The most telling counts, in words; empty where there is nothing to tell."""
    told = (words(counts[key]) for key, words in _WORDS.items() if key in counts)
    return "; ".join(text for text in told if text)


def _read(artifact: ArtifactRecord) -> Counts:
    folder = Path(artifact.uri)
    for path in (folder / MANIFEST, folder / SAVED_MODEL / MANIFEST):
        if path.is_file():
            manifest = json.loads(path.read_text(encoding="utf-8"))
            return {"counts": manifest["counts"], "facts": _plain_facts(manifest["facts"])}
    for name in ("metrics.json", "training.json", "published.json"):
        if (folder / name).is_file():
            content = json.loads((folder / name).read_text(encoding="utf-8"))
            return {k: v for k, v in content.items() if not isinstance(v, list) or k == "reasons"}
    return {}


def _plain_facts(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if not isinstance(value, dict | list)}


def _documents(counts: Counts) -> str:
    splits = counts["counts"]
    told = [f"{splits[name]['documents']:,} {name}" for name in _in_order(splits)]
    sentences = sum(split.get("sentences", 0) for split in splits.values())
    return f"{' + '.join(told)} documents, {sentences:,} sentences"


def _in_order(splits: Counts) -> list[str]:
    """The splits by name, train first; "all" is none."""
    return sorted(set(splits) - {"all"}, key=lambda name: (name != "train", name))


def _vocabulary(counts: Counts) -> str:
    return f"{counts['facts']['vocab_size']:,} pieces"


def _instances(counts: Counts) -> str:
    splits = counts["counts"]
    told = [f"{splits[name]['instances']:,} {name}" for name in _in_order(splits)]
    return f"{' + '.join(told)} instances, {counts['facts']['form']} masking"


def _model(counts: Counts) -> str:
    facts = counts["facts"]
    return f"{facts['parameters']:,} parameters, {facts['steps']:,} steps"


def _training(counts: Counts) -> str:
    return f"{counts['tokens_per_second']:,.0f} tokens/s" if "tokens_per_second" in counts else ""


def _evaluation(counts: Counts) -> str:
    metrics = counts["metrics"]
    blessed = "blessed" if counts["blessed"] else "NOT blessed"
    if "replaced_token_auc" in metrics:
        return f"replaced tokens told with an AUC of {metrics['replaced_token_auc']:.3f}, {blessed}"
    return (
        f"held-out loss {metrics['masked_lm_loss']:.3f} nats (unigram "
        f"{metrics['unigram_loss']:.3f}), accuracy {metrics['masked_lm_accuracy']:.1%}, {blessed}"
    )


def _published(counts: Counts) -> str:
    return f"version {counts['version']}" if counts.get("version") else "not published"


_WORDS: dict[str, Callable[[Counts], str]] = {
    "examples": _documents,
    "vocabulary": _vocabulary,
    "instances": _instances,
    "model": _model,
    "model_run": _training,
    "evaluation": _evaluation,
    "pushed_model": _published,
}
