"""Tests that the setting moves the large components to Dataflow, with flags that Beam accepts."""

from typing import Any

import pytest

from pipelines.compiled_spec.parameters import DATAFLOW_FLAG
from pipelines.recipe.file import RecipeError, load_recipe
from pipelines.vertex.compile.parameters import find_placeholders
from tests.pipelines.vertex_spec.test_compile import containers, tasks

IMAGE = "us-docker.pkg.dev/p/textmill/dataflow@sha256:" + "cd" * 32
OVERRIDES = [
    "vertex.dataflow={max_workers: 9, subnetwork: regions/r/subnetworks/s, public_ips: false, "
    "service_account: w@p.iam.gserviceaccount.com}",
    f"vertex.images.dataflow={IMAGE}",
]
SWITCHES = {"--no_use_public_ips"}
LARGE = {"TextExampleGen", "DocumentStatistics", "InstanceGen", "InstanceStatistics"}


@pytest.fixture(scope="module")
def dataflow_spec() -> dict[str, Any]:
    from pipelines.vertex.compile.compile_recipe import compile_recipe

    return compile_recipe(load_recipe("vertex", OVERRIDES))


def flags_of(container: dict[str, Any]) -> list[str]:
    """Return the flags for Beam: all that are neither TFX's own nor a value of these."""
    return [a for a in container["args"] if (a.startswith("--") and "=" in a) or a in SWITCHES]


def test_only_the_large_components_use_dataflow(
    dataflow_spec: dict[str, Any], spec: dict[str, Any]
) -> None:
    on_dataflow = {
        name for name, c in containers(dataflow_spec).items()
        if DATAFLOW_FLAG in c["args"]
    }  # fmt: skip
    assert on_dataflow == LARGE
    assert not any("DataflowRunner" in str(c["args"]) for c in containers(spec).values())


def test_beam_reads_every_flag_as_the_setting_that_it_stands_for(
    dataflow_spec: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Beam drops a flag that it does not know, with a warning only."""
    from apache_beam.options.pipeline_options import PipelineOptions

    for name in LARGE:
        options = PipelineOptions(flags_of(containers(dataflow_spec)[name]))
        assert options.get_all_options(drop_default=True) == {
            "runner": DATAFLOW_FLAG.removeprefix("--runner="),
            "project": "{{$.inputs.parameters['project']}}",
            "region": "{{$.inputs.parameters['region']}}",
            "temp_location": "{{$.inputs.parameters['pipeline_root']}}/dataflow",
            "sdk_container_image": IMAGE,
            "sdk_location": "container",
            "max_num_workers": 9,
            "machine_type": "n2-standard-4",
            "number_of_worker_harness_threads": 1,
            "job_name": f"vertex-{name.lower()}-{{{{$.pipeline_job_uuid}}}}",
            "labels": [
                "textmill_recipe=vertex",
                f"textmill_node={name.lower()}",
                "textmill_run={{$.pipeline_job_uuid}}",
            ],
            "subnetwork": "regions/r/subnetworks/s",
            "use_public_ips": False,
            "service_account_email": "w@p.iam.gserviceaccount.com",
        }, name
    assert "Discarding" not in caplog.text


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
