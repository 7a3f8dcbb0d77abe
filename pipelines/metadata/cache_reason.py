"""Executions to a sentence: why a node ran, or why its cached result was good enough."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml_metadata import metadata_store

from pipelines.metadata.records import (
    RESOLVER,
    Artifacts,
    ExecutionRecord,
    node_executions,
    producers,
)

MAX_SHOWN = 3  # changes named; the rest is counted
MAX_VALUE_CHARACTERS = 24
# Recorded by TFX and the spec runner for themselves; they say nothing about why a node ran.
UNTOLD = {"module_path", "span", "version", "output_parameters"}


def settle(
    store: metadata_store.MetadataStore, pipeline: str, record: ExecutionRecord
) -> tuple[str, str]:
    """Says what happened to a node, and why.

    Args:
        store: ML Metadata.
        pipeline: the pipeline's name.
        record: the execution.

    Returns:
        The state and the reason. A resolver looks up what there is and makes nothing; it counts
        as cached when it found the same as the time before.
    """
    earlier = [e for e in node_executions(store, pipeline, record.node_id) if e.id < record.id]
    succeeded = [e for e in earlier if e.state in {"ran", "cached"}]
    if record.type_name == RESOLVER:
        same = bool(succeeded) and _found(succeeded[-1]) == _found(record)
        models = ", ".join(a.uri for a in record.outputs.get("model", ()))
        return "cached" if same else record.state, f"found {models or 'no other blessed model'}"
    if record.state == "cached":
        runs = [producer.run_id for producer in producers(store, record)]
        return record.state, f"nothing changed since run {runs[-1]}" if runs else "nothing changed"
    return record.state, _why_it_ran(earlier, succeeded, record)


def _why_it_ran(
    earlier: list[ExecutionRecord], succeeded: list[ExecutionRecord], record: ExecutionRecord
) -> str:
    if not succeeded:
        return "the last try failed" if earlier else "first run"
    changes = list(compare(succeeded[-1], record))
    if not changes:
        return "the earlier result is gone or was altered"
    rest = len(changes) - MAX_SHOWN
    return "; ".join(changes[:MAX_SHOWN]) + (f"; and {rest} more" if rest > 0 else "")


def compare(before: ExecutionRecord, now: ExecutionRecord) -> Iterator[str]:
    """What differs between two executions of a node, settings first."""
    told = set(now.settings) | set(before.settings)
    for name in sorted(told - UNTOLD):
        yield from _compare_values(name, before.settings.get(name), now.settings.get(name))
    for name in sorted(set(now.inputs) | set(before.inputs)):
        if _ids(before.inputs).get(name) != _ids(now.inputs).get(name):
            yield f"{name} changed"


def _found(record: ExecutionRecord) -> dict[str, list[int]]:
    """What a resolver looked up; the candidate is only what it compared with."""
    return {key: ids for key, ids in _ids(record.outputs).items() if key != "candidate"}


def _ids(artifacts: Artifacts) -> dict[str, list[int]]:
    return {key: [artifact.id for artifact in found] for key, found in artifacts.items()}


def _compare_values(name: str, before: Any, now: Any) -> Iterator[str]:
    before, now = _parsed(before), _parsed(now)
    if before == now:
        return
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted(set(before) | set(now)):
            yield from _compare_values(key, before.get(key), now.get(key))
    elif name == "code_digest":
        yield "code changed"
    elif name == "input_fingerprint":
        yield "text changed"
    else:
        yield f"{name} {_short(before)} → {_short(now)}"


def _parsed(value: Any) -> Any:
    """Settings travel as JSON, at times within JSON: opens them as far as they go."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return _parsed(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {key: _parsed(inner) for key, inner in value.items()}
    return value


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if len(text) > MAX_VALUE_CHARACTERS:
        return f"{len(value)} values" if is_list else f"{text[: MAX_VALUE_CHARACTERS - 1]}…"
    return text
