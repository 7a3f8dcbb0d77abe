"""A compiled spec is read by its form alone: images, machines, constants and parameters."""

import json
from typing import Any

import pytest

from core.errors import InputError
from pipelines.compiled_spec.parameters import (
    DATAFLOW_FLAG,
    Machines,
    SpecParameter,
    check_values,
    find_constants,
    list_images,
    read_machines,
    read_parameters,
    task_files,
    training_job,
    training_settings,
    unbuilt_images,
    uses_dataflow,
)
from pipelines.recipe.vertex_settings import NO_DIGEST
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings, TrainingSettings

EMPTY: dict[str, Any] = {"root": {}, "components": {}}


def spec_of(
    inputs: dict[str, Any] | None = None, containers: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return a spec whose task has constants, in a component that is not the first one."""
    constants = {
        name: {"runtimeValue": {"constant": value}} for name, value in (inputs or {}).items()
    }
    tasks = {
        "Other": {"inputs": {"parameters": {"custom_config": {"componentInputParameter": "x"}}}},
        "DownstreamEvaluator": {"inputs": {"parameters": constants}},
    }
    executors = {str(n): {"container": container} for n, container in enumerate(containers or [])}
    return {
        "root": {"dag": {"tasks": {"only": {}}}},
        "components": {"exit": {"executorLabel": "0"}, "run": {"dag": {"tasks": tasks}}},
        "deploymentSpec": {"executors": {"resolver": {"importer": {}}, **executors}},
    }


def training_spec(*pools: dict[str, Any], **job: Any) -> dict[str, Any]:
    """Return a spec with a custom job of these worker pools."""
    specs = [{"container_spec": {"image_uri": f"trainer-{n}"}, **p} for n, p in enumerate(pools)]
    arguments = {"job_spec": {"worker_pool_specs": specs, **job}}
    config = json.dumps({"ai_platform_training_args": arguments})
    return spec_of({"custom_config": config}, [{"image": "data"}, {"image": "data"}])


def test_parameters_are_read_with_their_types_and_defaults() -> None:
    declared = {
        "steps": {
            "parameterType": "NUMBER_INTEGER",
            "defaultValue": 5.0,
            "description": "How many.",
        },
        "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1},
        "place": {"parameterType": "STRING"},
    }
    spec = {"root": {"inputDefinitions": {"parameters": declared}}, "components": {}}
    place, rate, steps = read_parameters(spec)
    assert place == SpecParameter("place", str, "", None)
    assert rate == SpecParameter("rate", float, "", 1.0)
    assert steps == SpecParameter("steps", int, "How many.", 5)
    assert read_parameters(EMPTY) == ()
    assert check_values(spec, {"steps": "7", "place": "x"}) == {"place": "x", "steps": 7}
    with pytest.raises(InputError) as refused:
        check_values(spec, {"zzz": 1, "steps": "1.5"})
    assert str(refused.value).splitlines() == [
        "parameter place is missing:  Pass it as place=VALUE.",
        "parameter steps: '1.5' is not an integer.",
        "parameter zzz: the spec has no such parameter. Its parameters: place, rate, steps.",
    ]
    assert check_values(spec, {"steps": "2e1", "place": "x"})["steps"] == 20
    for wrong in (True, "many"):
        with pytest.raises(InputError, match=rf"parameter steps: {wrong!r} is not an integer\."):
            check_values(spec, {"steps": wrong, "place": "x"})
    with pytest.raises(InputError, match=r"no such parameter\. Did you mean steps\?"):
        check_values(spec, {"stepps": 1, "place": "x"})
    for unsafe in ('"', "\\", "\n", "{{"):
        with pytest.raises(InputError, match="is not allowed in it"):
            check_values(spec, {"place": f"a{unsafe}b"})


def test_images_are_listed_once_and_placeholders_are_found() -> None:
    pool = {"machine_spec": {"machine_type": "n2-standard-4"}}
    assert list_images(training_spec(pool, pool)) == ["data", "trainer-0", "trainer-1"]
    unbuilt = f"us/x@{NO_DIGEST}"
    assert unbuilt_images(spec_of(containers=[{"image": "built"}, {"image": unbuilt}])) == [unbuilt]
    assert list_images(EMPTY) == []


@pytest.mark.parametrize(
    ("machine", "counts", "expected"),
    [
        ({"machine_type": "n2-standard-32"}, [1], ("n2-standard-32", None, 32, 1)),
        ({"machine_type": "n2"}, [1, 2], ("n2", None, 3, 3)),
        ({"machine_type": "a2-highgpu-2g", "accelerator_type": "NVIDIA", "accelerator_count": 2},
         [1, 3], ("a2-highgpu-2g", "NVIDIA", 8, 4)),
        ({"machine_type": "ct5lp-hightpu-4t", "tpu_topology": "4x8"}, [8],
         ("ct5lp-hightpu-4t", "ct5lp", 256, 8)),
    ],
)  # fmt: skip
def test_machines_are_counted_over_all_hosts(
    machine: dict[str, Any], counts: list[int], expected: tuple[str, str | None, int, int]
) -> None:
    pools = [{"machine_spec": machine, "replica_count": count} for count in counts]
    kind, accelerator, count, hosts = expected
    assert read_machines(training_spec(*pools)) == Machines(
        machine_type=kind, accelerator=accelerator, count=count, hosts=hosts, is_spot=False
    )


@pytest.mark.parametrize(
    ("strategy", "is_spot"),
    [("SPOT", True), ("FLEX_START", True), ("STANDARD", False), (None, False)],
)
def test_spot_and_flex_start_machines_are_known(strategy: str | None, is_spot: bool) -> None:
    scheduling = {"scheduling": {"strategy": strategy}} if strategy else {}
    spec = training_spec({"machine_spec": {"machine_type": "n2-standard-4"}}, **scheduling)
    machines = read_machines(spec)
    assert machines is not None
    assert (machines.is_spot, machines.hosts, machines.count) == (is_spot, 1, 4)
    assert training_job(spec)["job_spec"].keys() == {"worker_pool_specs", *scheduling}


def test_a_spec_without_a_training_job_has_no_machines() -> None:
    for config in ("[]", "{}", '{"ai_platform_training_args": {"job_spec": {}}}', ""):
        spec = spec_of({"custom_config": config})
        assert read_machines(spec) is None
        assert training_job(spec) == {}
    assert read_machines(EMPTY) is None
    assert training_settings(EMPTY) is None


def test_values_are_checked_with_the_trainers_settings() -> None:
    settings = TrainingSettings(
        model=ModelSettings(size="tiny"), masking=MaskingSettings(),
        trainer=TrainerSettings(steps=100, warmup_steps=10), seed=1,
        checkpoint_root="gs://b/checkpoints", code_digest="0" * 16,
    )  # fmt: skip
    spec = spec_of()
    config = json.dumps({"training": settings.model_dump_json()})
    spec["components"]["run"]["dag"]["tasks"]["Trainer"] = {
        "inputs": {"parameters": {"custom_config": {"runtimeValue": {"constant": config}}}}
    }
    steps = {"steps": {"parameterType": "NUMBER_INTEGER", "defaultValue": 100}}
    spec["root"]["inputDefinitions"] = {"parameters": steps}
    assert training_settings(spec) == settings
    assert check_values(spec, {"steps": 20}) == {"steps": 20}
    with pytest.raises(InputError, match="parameter warmup_steps: 10 of 10 steps"):
        check_values(spec, {"steps": 10})


def test_dataflow_is_seen_in_any_task() -> None:
    plain = {"image": "data", "args": ["--runner=DirectRunner"]}
    assert not uses_dataflow(spec_of(containers=[plain, {"image": "data"}]))
    assert uses_dataflow(spec_of(containers=[plain, {"args": ["--x", DATAFLOW_FLAG]}]))
    assert not uses_dataflow(EMPTY)


def test_constants_are_found_in_all_components_and_empty_ones_are_not() -> None:
    spec = spec_of({"message": "hello", "empty": "", "number": 5})
    spec["root"]["dag"]["tasks"]["only"] = {
        "inputs": {"parameters": {"message": {"runtimeValue": {"constant": "root"}}}}
    }
    assert find_constants(spec, "message") == ["root", "hello"]
    assert find_constants({"root": {}}, "message") == []
    assert find_constants(spec, "empty") == find_constants(spec, "number") == []


def test_the_files_of_the_downstream_tasks_are_listed_once() -> None:
    task = {"kind": "classify", "train": "gs://b/train.tsv"}
    tasks = [
        {**task, "name": "one", "eval": "gs://b/one.tsv"},
        {**task, "name": "two", "eval": "gs://b/two.tsv"},
    ]
    spec = spec_of({"downstream_settings": json.dumps({"tasks": tasks})})
    assert task_files(spec) == ["gs://b/train.tsv", "gs://b/one.tsv", "gs://b/two.tsv"]
    assert task_files(EMPTY) == []
