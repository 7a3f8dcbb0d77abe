"""What a node made, and why it ran, is said in a few words."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.metadata import cache_reason
from pipelines.metadata.cache_reason import compare, node_counts, settle, summarize_counts
from pipelines.metadata.names import CACHED, FAILED, RAN, RESOLVER
from pipelines.metadata.records import ArtifactRecord, ExecutionRecord, Records

Executions = tuple[ExecutionRecord, ...]

DOCUMENTS = {"train": {"documents": 1200, "sentences": 5000}, "eval": {"documents": 90}, "all": {}}
METRICS = {"masked_lm_loss": 4.9753, "unigram_loss": 6.0211, "masked_lm_accuracy": 0.197}


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"examples": {"counts": {**DOCUMENTS, "all": {"sentences": 7}}}},
         "1,200 train + 90 eval documents, 5,007 sentences"),
        ({"vocabulary": {"facts": {"vocab_size": 30522}}}, "30,522 pieces"),
        ({"instances": {"counts": {"eval": {"instances": 74}, "train": {"instances": 1910}},
                        "facts": {"form": "dynamic"}}},
         "1,910 train + 74 eval instances, dynamic masking"),
        ({"model": {"facts": {"parameters": 696786, "steps": 2400}},
          "model_run": {"tokens_per_second": 27310.4}},
         "696,786 parameters, 2,400 steps; 27,310 tokens/s"),
        ({"model_run": {}}, ""),
        ({"evaluation": {"metrics": METRICS, "blessed": True}},
         "held-out loss 4.975 nats (unigram 6.021), accuracy 19.7 %, blessed"),
        ({"evaluation": {"metrics": {"replaced_token_auc": 0.75431}, "blessed": False}},
         "replaced-token detection AUC 0.754, NOT blessed"),
        ({"pushed_model": {"version": "17"}}, "version 17"),
        ({"pushed_model": {}}, "not published"),
        ({"schema": {"facts": {}}}, ""),
    ],
)  # fmt: skip
def test_the_most_important_counts_are_named(counts: dict[str, Any], words: str) -> None:
    assert summarize_counts(counts) == words


def record(
    number: int, state: str = RAN, settings: dict[str, Any] | None = None, *, uri: str = "/x/1",
    type_name: str = "Trainer", key: str = "model", inputs: dict[str, Any] | None = None,
) -> ExecutionRecord:  # fmt: skip
    return ExecutionRecord(
        id=number, node_id="Trainer", run_id=f"run-{number}", type_name=type_name, state=state,
        seconds=0.0, settings=settings or {}, inputs=inputs or {},
        outputs={key: (ArtifactRecord(number, uri, "Model", {}),)},
    )  # fmt: skip


def test_the_counts_of_an_output_are_those_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(
        json.dumps({"counts": {"all": {"a": 1}}, "facts": {"n": 1, "list": [1], "dict": {}}})
    )
    assert node_counts(record(1, uri=str(tmp_path))) == {
        "model": {"counts": {"all": {"a": 1}}, "facts": {"n": 1}}
    }
    assert node_counts(record(1, uri=str(tmp_path), type_name=RESOLVER)) == {}
    (tmp_path / "manifest.json").unlink()
    assert node_counts(record(1, uri=str(tmp_path))) == {}
    content = {"x": 1, "history": [1], "reasons": ["r"]}
    for name in ("published.json", "training.json", "metrics.json"):  # the last one counts
        (tmp_path / name).write_text(json.dumps({**content, "name": name}))
        expected = {"x": 1, "reasons": ["r"], "name": name}
        assert node_counts(record(1, uri=str(tmp_path))) == {"model": expected}


class Known(Records):
    """The executions of one node, without a store."""

    def __init__(self, executions: Executions, producers: Executions) -> None:
        self._executions, self._producers = executions, producers

    def of_node(self, pipeline: str, node_id: str) -> list[ExecutionRecord]:
        assert (pipeline, node_id) == ("pipeline", "Trainer")
        return list(self._executions)

    def producers(self, record: ExecutionRecord) -> list[ExecutionRecord]:
        assert record.state == CACHED
        return list(self._producers)


def settled(
    now: ExecutionRecord, *earlier: ExecutionRecord, made_by: Executions = ()
) -> tuple[str, str]:
    """Return state and reason; a later execution is none of the node's past."""
    return settle(Known((*earlier, now, record(99, FAILED)), made_by), "pipeline", now)


def test_reasons_of_the_first_runs() -> None:
    assert settled(record(3)) == (RAN, "first run")
    failed, killed = record(1, FAILED), record(2, "canceled")
    assert settled(record(3), failed) == (RAN, "the last try failed")
    assert settled(record(3), failed, killed) == (RAN, "the last try was stopped")


def test_reasons_after_a_success() -> None:
    before = record(1, settings={"steps": 1, "seed": 1})
    same = record(3, settings={"steps": 1, "seed": 1})
    gone = (RAN, "the earlier result is gone or was altered")
    assert settled(same, before, record(2, FAILED)) == gone
    many = record(3, settings={name: 2 for name in ("steps", "seed", "a", "b", "c")})
    assert settled(many, before) == (
        RAN, "a none → 2; b none → 2; c none → 2; and 2 more",
    )  # fmt: skip
    three = record(3, settings={"steps": 2, "seed": 2, "a": 2})
    assert settled(three, before)[1] == "a none → 2; seed 1 → 2; steps 1 → 2"


def test_reasons_of_a_cached_node() -> None:
    now = record(3, CACHED)
    assert settled(now, record(1)) == (CACHED, "unchanged")
    made_by = (record(1), record(2))
    reason = settled(now, record(1), made_by=made_by)
    assert reason == (CACHED, "unchanged since run run-2")


def test_a_cached_run_between_is_compared_by_what_its_producer_recorded() -> None:
    producer = record(1, settings={"input_fingerprint": "a", "seed": 0})
    cached = record(2, CACHED, {"seed": 1})
    now = record(3, settings={"input_fingerprint": "b", "seed": 1})
    outcome = settled(now, producer, cached, made_by=(producer,))
    assert outcome == (RAN, "text changed")


def test_a_node_that_was_asked_to_run_again_says_so() -> None:
    now = record(3)
    for rerun, reason in (("Trainer", "--rerun Trainer"), ("Pusher", "first run")):
        assert settle(Known((now,), ()), "pipeline", now, rerun=rerun) == (RAN, reason)


def test_a_resolver_is_cached_if_it_found_the_same() -> None:
    now = record(3, RAN, type_name=RESOLVER, uri="/w/artifacts/Trainer/model/10/")
    words = "found Trainer/model/10"
    assert settled(now) == (RAN, words)
    same = record(1, type_name=RESOLVER)
    assert settled(now, same) == (RAN, words), "another id"
    again = replace(now, id=2)
    assert settled(now, again) == (CACHED, words)
    nothing = record(3, RAN, type_name=RESOLVER, key="candidate")
    empty = record(1, RAN, type_name=RESOLVER, key="candidate")
    assert settled(nothing, empty) == (CACHED, "found no other blessed model")


def test_long_values_are_shortened() -> None:
    def changes(before: Any, after: Any) -> list[str]:
        return list(compare(record(1, settings={"x": before}), record(2, settings={"x": after})))

    assert changes("a" * 24, "b") == [f"x {'a' * 24} → b"]
    assert changes("a" * 25, None) == [f"x {'a' * 23}… → none"]
    assert changes(list(range(30)), [1]) == ["x 30 values → [1]"]
    assert changes([1, 2], [1, 3]) == ["x 2 → 3"]
    assert changes({"a": 1}, {"b": 1}) == ["a 1 → none", "b none → 1"]


@pytest.mark.parametrize("name", sorted(cache_reason.NOT_A_REASON))
def test_what_libraries_record_for_themselves_is_no_reason(name: str) -> None:
    assert list(compare(record(1, settings={name: 1}), record(2, settings={name: 2}))) == []


def test_inputs_that_came_or_went_are_named() -> None:
    one, other = ((ArtifactRecord(number, "/x", "E", {}),) for number in (1, 2))
    before = record(1, inputs={"a": one, "b": one, "c": one})
    after = record(2, inputs={"a": one, "b": other, "d": other})
    assert list(compare(before, after)) == ["b changed", "c changed", "d changed"]
