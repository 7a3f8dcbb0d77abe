"""Tests that the setting moves the large components to Dataflow, with flags that Beam accepts."""

from typing import Any

import pytest

from pipelines.recipe.file import RecipeError, load_recipe
from pipelines.vertex.compile.parameters import find_placeholders
from tests.pipelines.vertex_spec.test_compile import containers, tasks

IMAGE = "us-docker.pkg.dev/p/textmill/dataflow@sha256:" + "cd" * 32
OVERRIDES = [
    "vertex.dataflow={max_workers: 9, subnetwork: regions/r/subnetworks/s, public_ips: false, "
    "service_account: w@p.iam.gserviceaccount.com}",
    f"vertex.images.dataflow={IMAGE}",
]
LARGE = {"TextExampleGen", "DocumentStatistics", "InstanceGen", "InstanceStatistics"}


@pytest.fixture(scope="module")
def dataflow_spec() -> dict[str, Any]:
    from pipelines.vertex.compile.compile import compile_recipe

    return compile_recipe(load_recipe("vertex", OVERRIDES))


def flags_of(container: dict[str, Any]) -> list[str]:
    return [a for a in container["args"] if a.startswith("--") and "json_" not in a]


def test_only_the_large_components_use_dataflow(
    dataflow_spec: dict[str, Any], spec: dict[str, Any]
) -> None:
    on_dataflow = {
        name for name, c in containers(dataflow_spec).items()
        if "--runner=DataflowRunner" in c["args"]
    }  # fmt: skip
    assert on_dataflow == LARGE
    assert not any("DataflowRunner" in str(c["args"]) for c in containers(spec).values())


def test_beam_accepts_all_flags(dataflow_spec: dict[str, Any]) -> None:
    from apache_beam.options.pipeline_options import (
        DebugOptions,
        GoogleCloudOptions,
        PipelineOptions,
        SetupOptions,
        WorkerOptions,
    )

    for name in LARGE:
        container = containers(dataflow_spec)[name]
        flags = [f for f in flags_of(container) if f != "--executor_class_path"]
        options = PipelineOptions(flags)
        assert not (
            set(options._extra_args_unknown) if hasattr(options, "_extra_args_unknown") else ()
        )
        workers = options.view_as(WorkerOptions)
        assert workers.sdk_container_image == IMAGE
        assert workers.max_num_workers == 9
        assert workers.machine_type == "n2-standard-4"
        assert workers.subnetwork == "regions/r/subnetworks/s"
        assert workers.use_public_ips is False
        cloud = options.view_as(GoogleCloudOptions)
        assert cloud.service_account_email == "w@p.iam.gserviceaccount.com"
        assert cloud.labels == ["textmill_recipe=vertex"]
        assert options.view_as(SetupOptions).sdk_location == "container"
        assert options.view_as(DebugOptions) is not None
        known = set(options.get_all_options())
        for flag in flags:
            word = flag.removeprefix("--").partition("=")[0]
            assert word.removeprefix("worker_").removeprefix("no_") in known or word in known, flag


def test_parameters_in_flags_are_passed_to_the_task(dataflow_spec: dict[str, Any]) -> None:
    for name in LARGE:
        named = {
            p for flag in containers(dataflow_spec)[name]["args"] for p in find_placeholders(flag)
        }
        assert named == {"project", "region", "pipeline_root"}
        given = tasks(dataflow_spec)[name]["inputs"]["parameters"]
        declared = dataflow_spec["components"][name]["inputDefinitions"]["parameters"]
        assert all(given[p] == {"componentInputParameter": p} for p in named)
        assert named <= set(declared)


def test_dataflow_needs_its_image() -> None:
    with pytest.raises(RecipeError, match=r"images\.dataflow is not"):
        load_recipe("vertex", OVERRIDES[:1])
