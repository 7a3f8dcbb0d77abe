"""The reason for a run names the setting, the code or the input that changed."""

import json
from dataclasses import replace

import pytest

from pipelines.metadata.cache_reason import after_failure, compare
from pipelines.metadata.records import ArtifactRecord, ExecutionRecord


def execution(settings: dict[str, object], instances: int = 1) -> ExecutionRecord:
    artifact = ArtifactRecord(instances, "/x", "Examples", {})
    return ExecutionRecord(
        1, "Trainer", "run", "trainer", "ran", 1.0, settings, {"instances": (artifact,)}
    )


def test_a_setting_deep_in_json_is_named_with_both_values() -> None:
    before, now = (
        execution(
            {"custom_config": json.dumps({"training": json.dumps({"trainer": {"steps": n}})})}
        )
        for n in (200, 400)
    )
    assert list(compare(before, now)) == ["steps 200 → 400"]


def test_changes_of_code_text_and_inputs_are_described_in_words() -> None:
    before = execution({"code_digest": "a" * 16, "input_fingerprint": "x"})
    now = execution({"code_digest": "b" * 16, "input_fingerprint": "y"}, instances=2)
    assert list(compare(before, now)) == ["code changed", "text changed", "instances changed"]


def test_what_is_computed_from_a_setting_is_not_a_second_reason() -> None:
    before, now = (
        execution({"output_config": {"hash_buckets": n}, "text_settings": {"eval_fraction": n / 9}})
        for n in (3, 6)
    )
    assert len(list(compare(before, now))) == 1


def test_a_span_is_named_by_the_pattern_and_not_by_tfx_record_of_the_option() -> None:
    old = {"input_config": {"splits": [{"pattern": "week-2/*"}]}}
    new = {"input_config": {"splits": [{"pattern": "week-3/*"}]}, "range_config": {"start": 3}}
    assert list(compare(execution(old), execution(new))) == ["pattern week-2/* → week-3/*"]
    assert list(compare(execution(old), execution({**old, "range_config": {"start": 2}}))) == []


def test_other_libraries_are_not_called_other_code() -> None:
    before, now = (execution({"code_digest": "c0dec0de" + end * 8}) for end in "ab")
    assert list(compare(before, now)) == ["environment changed"]


def test_equal_executions_have_no_differences() -> None:
    assert list(compare(execution({"seed": 1}), execution({"seed": 1}))) == []


def test_a_change_inside_a_list_is_named_and_folders_are_no_reason() -> None:
    before, now = (
        execution(
            {
                "input_config": json.dumps({"splits": [{"name": "text", "pattern": pattern}]}),
                "input_base": f"/{pattern}",
                "custom_config": json.dumps({"training": json.dumps({"checkpoint_root": pattern})}),
            }
        )
        for pattern in ("a.txt", "b.txt")
    )
    assert list(compare(before, now)) == ["pattern a.txt → b.txt"]


@pytest.mark.parametrize(
    ("state", "note", "why"),
    [
        ("failed", None, "the last try failed"),
        ("interrupted", "its process was killed; closed by the next run", "was killed"),
        ("interrupted", "Stopped by Ctrl-C.", "the last try was stopped"),
    ],
)
def test_a_node_that_did_not_end_says_how(state: str, note: str | None, why: str) -> None:
    last = replace(execution({"note": note} if note else {}), state=state)
    assert why in after_failure([execution({}), last])
    assert after_failure([]) == "first run"
