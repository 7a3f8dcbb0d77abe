"""Tests that the spec is complete, valid for KFP and Vertex AI, and equal to the local pipeline."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format

from core.errors import InputError
from pipelines.recipe.file import RecipeError, load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.recipe.vertex_settings import NO_DIGEST
from pipelines.vertex.commands.compile import DriftError, compare, compile_to_file, to_yaml
from pipelines.vertex.compile.parameters import find_placeholders
from trainer.settings.training import TrainingSettings

TOP = Path(__file__).parents[3]
SPEC_FILE = TOP / "pipeline.yaml"
CANARY = "canary-4f1d9b-never-in-a-spec"
RESOLVERS = {
    f"{node}-{what}-resolver"
    for node in ("BaseModel", "LatestBlessedModel")
    for what in ("model-blessing", "model")
}
GIVEN = {
    "project": "a-project",
    "region": "us-central1",
    "pipeline_root": "gs://a-bucket/textmill",
    "text_root": "gs://a-bucket/text",
    "steps": 2000,
}


def tasks(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    inner = spec["components"]["tfx-dag"]["dag"]["tasks"]
    return {**inner, "RunRecord": spec["root"]["dag"]["tasks"]["RunRecord"]}


def containers(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    executors = spec["deploymentSpec"]["executors"]
    labels = {name: spec["components"][name]["executorLabel"] for name in tasks(spec)}
    return {n: executors[x]["container"] for n, x in labels.items() if "container" in executors[x]}


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    else:
        yield str(value)


def test_pipeline_yaml_is_what_the_recipe_compiles_to(spec: dict[str, Any]) -> None:
    compare(SPEC_FILE, to_yaml(spec, "vertex", []))


def test_the_spec_names_textmill_and_not_the_tfx_of_this_machine(spec: dict[str, Any]) -> None:
    """Both lines compile the same bytes."""
    assert re.fullmatch(r"tfx-textmill-[0-9.]+", spec["sdkVersion"])


def test_kfp_can_load_the_spec(spec: dict[str, Any]) -> None:
    from kfp import components
    from kfp.pipeline_spec import pipeline_spec_pb2

    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert parsed.schema_version == "2.1.0"
    loaded = components.load_component_from_file(str(SPEC_FILE))
    inputs = loaded.component_spec.inputs
    assert (inputs["steps"].default, inputs["steps"].optional) == (100_000, True)
    assert (inputs["text_root"].default, inputs["text_root"].optional) == (None, False)


def test_the_vertex_client_accepts_the_spec_with_overrides() -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    def job(**values: Any) -> Any:
        return aiplatform.PipelineJob(
            display_name="test",
            template_path=str(SPEC_FILE),
            pipeline_root=GIVEN["pipeline_root"],
            parameter_values={**GIVEN, **values},
            project="a-project",
            location="us-central1",
            credentials=AnonymousCredentials(),
        )

    sent = json_format.MessageToDict(job(learning_rate=0.01, span="7")._gca_resource._pb)
    values = sent["runtimeConfig"]["parameterValues"]
    assert (values["steps"], values["learning_rate"], values["span"]) == (2000, 0.01, "7")
    assert sent["runtimeConfig"]["gcsOutputDirectory"] == "gs://a-bucket/textmill"
    with pytest.raises(ValueError, match="not found in the pipeline job input definitions"):
        job(step=1)


def test_the_spec_is_the_pipeline_of_a_local_run(
    spec: dict[str, Any], vertex_recipe: Recipe
) -> None:
    from components.code_digest import digests_for_images
    from pipelines.create_pipeline import create_pipeline
    from pipelines.run_environment import Locations

    with digests_for_images():
        local = create_pipeline(vertex_recipe, Locations("text", ("**",), "root", "check", "out"))
    nodes = {node.id: node for node in local.components}
    assert set(tasks(spec)) - RESOLVERS - {"RunRecord"} == set(nodes) - {
        "BaseModel",
        "LatestBlessedModel",
    }
    for name, task in tasks(spec).items():
        given = task["inputs"].get("parameters", {}) if "inputs" in task else {}
        for key, value in nodes[name].exec_properties.items() if name in nodes else ():
            if not key.endswith(("settings", "digest")):
                continue
            assert given[key]["runtimeValue"]["constant"] == value, f"{name}.{key}"
    config = json.loads(
        tasks(spec)["Trainer"]["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"]
    )
    here = json.loads(nodes["Trainer"].exec_properties["custom_config"])
    on_vertex, locally = (
        TrainingSettings.model_validate_json(c["training"]) for c in (config, here)
    )
    assert on_vertex == locally.model_copy(update={"checkpoint_root": ""})


def test_compilation_does_not_depend_on_the_hash_seed_and_leaks_no_secret(
    spec: dict[str, Any], tmp_path: Path
) -> None:
    """Compile in another process, with secrets in its environment, to check both."""
    secrets = {
        "GOOGLE_API_KEY": CANARY,
        "GOOGLE_CLOUD_PROJECT": CANARY,
        "HF_TOKEN": CANARY,
        "VERTEX_PASSWORD": CANARY,
    }
    output = tmp_path / "pipeline.yaml"
    subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "compile", "vertex", "-o", str(output)],
        cwd=TOP,
        check=True,
        capture_output=True,
        env={**os.environ, **secrets, "PYTHONHASHSEED": "77", "HOME": str(tmp_path)},
    )
    content = output.read_text(encoding="utf-8")
    assert content == to_yaml(spec, "vertex", [])
    assert CANARY not in content
    assert str(TOP) not in content


def test_recipes_have_no_setting_for_a_secret(tmp_path: Path) -> None:
    recipe = yaml.safe_load((TOP / "pipelines/recipes/vertex.yaml").read_text())
    recipe["vertex"]["api_key"] = CANARY
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    with pytest.raises(RecipeError, match=r"unknown key vertex\.api_key") as refused:
        load_recipe(str(file))
    assert CANARY not in str(refused.value)
    schema = Recipe.model_json_schema()
    named = {
        name: [kind.get("pattern", "") for kind in field["anyOf"] if kind["type"] != "null"]
        for model in (schema, *schema["$defs"].values())
        for name, field in model.get("properties", {}).items()
        if re.search("secret|password|credential|key|auth|api", name)
    }
    # They take the name of a resource, and nothing else.
    assert named.keys() == {"webhook_secret", "kms_key"}
    assert all(pattern.startswith("^projects/") for (pattern,) in named.values())


def test_every_value_has_a_source(spec: dict[str, Any]) -> None:
    """Each task's inputs are declared, and each placeholder refers to one of them."""
    declared = spec["root"]["inputDefinitions"]["parameters"]
    inner = spec["components"]["tfx-dag"]["inputDefinitions"]["parameters"]
    assert set(declared) == set(inner)
    assert set(spec["root"]["dag"]["tasks"]["tfx-dag"]["inputs"]["parameters"]) == set(inner)
    for name, task in tasks(spec).items():
        given = task.get("inputs", {}).get("parameters", {})
        wanted = {p["componentInputParameter"] for p in given.values() if len(p) == 1
                  and "componentInputParameter" in p}  # fmt: skip
        assert wanted <= set(declared), name
        named = {parameter for text in texts(given) for parameter in find_placeholders(text)}
        assert named <= set(given), name
        assert len(named) <= len(given)
    for name, parameter in declared.items():
        assert parameter["description"].endswith("."), name
    required = {name for name, parameter in declared.items() if "defaultValue" not in parameter}
    assert required == {"project", "region", "pipeline_root", "text_root"}


def test_every_container_has_resources_a_timeout_retries_and_a_digest(spec: dict[str, Any]) -> None:
    all_containers = containers(spec)
    assert set(tasks(spec)) - set(all_containers) == RESOLVERS
    for name, container in all_containers.items():
        assert container["resources"]["cpuLimit"] >= 1, name
        assert container["resources"]["memoryLimit"] >= 4, name
        assert container["command"][:2] == ["timeout", "--kill-after=60s"], name
        assert container["command"][2].endswith("s"), name
        assert container["command"][3:] == ["python", "-m", "components.run_task"], name
        assert container["image"].endswith(NO_DIGEST), name
        environment = {e["name"]: e["value"] for e in container["env"]}
        assert environment == {"TEXTMILL_IMAGE_DIGEST": NO_DIGEST}, name
        retry = tasks(spec)[name]["retryPolicy"]
        assert retry == {
            "maxRetryCount": 2, "backoffDuration": "60s", "backoffFactor": 2.0,
            "backoffMaxDuration": "3600s",
        }, name  # fmt: skip
        cached = tasks(spec)[name].get("cachingOptions", {}).get("enableCache", False)
        assert cached == (name != "RunRecord"), name
    assert all_containers["InstanceGen"]["resources"] == {"cpuLimit": 16.0, "memoryLimit": 64.0}
    # 48 hours of running, 24 of waiting for a machine, and the launcher's own time
    assert all_containers["Trainer"]["command"][2] == f"{(48 + 24) * 3600 + 900}s"


def test_the_modules_that_containers_call_can_be_imported(spec: dict[str, Any]) -> None:
    from tfx.utils import import_utils

    for container in containers(spec).values():
        arguments = container["args"]
        path = arguments[arguments.index("--executor_class_path") + 1]
        assert not path.startswith("__main__")
        assert import_utils.import_class_by_path(path)
        for command in (container["command"], *_hooks(container)):
            assert importlib.util.find_spec(command[command.index("-m") + 1])


def _hooks(container: dict[str, Any]) -> list[list[str]]:
    return [hook["command"] for hook in container.get("lifecycle", {}).values()]


def test_the_first_run_needs_no_earlier_model(spec: dict[str, Any]) -> None:
    inputs = {name: spec["components"][name]["inputDefinitions"]["artifacts"]
              for name in ("ModelEvaluator", "VocabularyGen", "Pusher")}  # fmt: skip
    assert inputs["ModelEvaluator"]["baseline_model"]["isOptional"]
    assert inputs["VocabularyGen"]["base_model"]["isOptional"]
    for model in ("BaseModel", "LatestBlessedModel"):  # a first run has no blessing either
        definitions = spec["components"][f"{model}-model-resolver"]["inputDefinitions"]
        assert definitions["artifacts"]["input"]["isOptional"], model
    assert not any("isOptional" in artifact for artifact in inputs["Pusher"].values())
    assert "isOptional" not in inputs["ModelEvaluator"]["model"]


def test_the_exit_handler_runs_last_with_all_parameters(spec: dict[str, Any]) -> None:
    task = spec["root"]["dag"]["tasks"]["RunRecord"]
    assert task["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    given = task["inputs"]["parameters"]
    assert given["final_status"] == {"taskFinalStatus": {"producerTask": "tfx-dag"}}
    arguments = containers(spec)["RunRecord"]["args"]
    types = json.loads(arguments[arguments.index("--json_serialized_inputs_spec_args") + 1])
    assert set(types["parameters"]) == set(given)
    assert types["parameters"]["steps"] == {"parameterType": "NUMBER_INTEGER"}


def test_kubeflow_specs_have_no_resolver_and_train_in_the_task(tmp_path: Path) -> None:
    """Kubeflow's compiler has no resolvers, its driver no hooks, and it has no custom jobs."""
    from kfp import components

    from pipelines.vertex.compile.compile_recipe import compile_recipe

    switch = ["vertex.platform=kubeflow", "vocabulary.import_from=null"]
    switch += ["vertex.training.machine=a100-8"]
    spec = compile_recipe(load_recipe("vertex", switch))
    assert set(tasks(spec)) == set(containers(spec))
    trainer = containers(spec)["Trainer"]
    assert "components.vertex_trainer.executor.InPlaceExecutor" in trainer["args"]
    assert "trainer-gpu@" in trainer["image"]
    assert "/data@" in containers(spec)["InstanceGen"]["image"]
    assert trainer["resources"]["accelerator"] == {"type": "nvidia.com/gpu", "count": "8"}
    assert "baseline_model" not in tasks(spec)["ModelEvaluator"]["inputs"]["artifacts"]
    assert tasks(spec)["TextExampleGen"]["cachingOptions"] == {}, "its driver would not run"
    assert tasks(spec)["InstanceGen"]["cachingOptions"] == {"enableCache": True}
    file = tmp_path / "kubeflow.yaml"
    file.write_text(to_yaml(spec, "vertex", switch), encoding="utf-8")
    inputs = components.load_component_from_file(str(file)).component_spec.inputs
    assert (inputs["project"].default, inputs["region"].default) == ("", "")
    for machine, message in (("tpu-v3-8", "one container"), ("h100-8x2", "GPUs on one host")):
        with pytest.raises(InputError, match=message):
            compile_recipe(
                load_recipe("vertex", [*switch[:2], f"vertex.training.machine={machine}"])
            )
    with pytest.raises(InputError, match="cannot look up the latest blessed model"):
        compile_recipe(load_recipe("vertex", switch[:1]))


def test_an_outdated_file_is_reported_with_the_first_differences(
    spec: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "pipeline.yaml"
    text = to_yaml(spec, "vertex", [])
    with pytest.raises(DriftError, match="no such file"):
        compare(file, text)
    file.write_text(text.replace("maxRetryCount: 2", "maxRetryCount: 9"), encoding="utf-8")
    with pytest.raises(DriftError, match=r"make spec") as refused:
        compare(file, text)
    lines = str(refused.value).splitlines()
    assert lines[1].endswith("tasks.CorpusReportGen.retryPolicy.maxRetryCount: 9 → 2")
    assert len(lines) <= 14


def test_a_file_that_differs_in_comments_or_order_only_is_outdated_too(
    spec: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "pipeline.yaml"
    text = to_yaml(spec, "vertex", [])
    reversed_order = yaml.safe_dump(dict(reversed(spec.items())), sort_keys=False)
    for other in (text.replace("do not edit", "edit it", 1), reversed_order):
        assert other != text
        assert yaml.safe_load(other) == spec
        file.write_text(other, encoding="utf-8")
        with pytest.raises(DriftError) as refused:
            compare(file, text)
        assert str(refused.value).splitlines()[1:] == ["  only comments or order differ"]


def test_a_recipe_that_cannot_be_compiled_is_refused() -> None:
    with pytest.raises(InputError, match="has no section `vertex:`"):
        compile_to_file("demo", Path("x.yaml"), [], check=False)
    with pytest.raises(InputError, match=r"ends with \.yaml"):
        compile_to_file("vertex", Path("x.json"), [], check=False)
    with pytest.raises(InputError, match="the pipeline has no task Trainor"):
        compile_to_file("vertex", Path("x.yaml"), ["vertex.resources.Trainor.cpu=4"], check=True)
    with pytest.raises(RecipeError, match=r"vertex\.images\.data"):
        load_recipe("vertex", ["vertex.images.data=repository/image:latest"])


def test_compiling_the_filter_language_says_what_its_image_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.vertex.compile.compile_recipe.compile_recipe", lambda recipe: {})
    result = compile_to_file(
        "vertex", tmp_path / "a.yaml", ["text.filters=[language]"], check=False
    )
    assert "the filter language works only in an image" in result.lower()
    assert "language" not in compile_to_file("vertex", tmp_path / "a.yaml", [], check=False)


def test_multi_line_strings_survive_yaml(tmp_path: Path) -> None:
    value = {"b": "one\ntwo\n", "a": ["{{$}}", 'x "y"', "über"], "c": {"d": 1, "e": 1.5, "f": True}}
    value["g"] = value["c"]
    written = to_yaml(value, "r", ["a.b=1"])
    assert yaml.safe_load(written) == value
    assert "&" not in written
    assert "--set a.b=1" in written


def test_the_registrys_model_and_the_places_of_messages_are_in_the_spec() -> None:
    from pipelines.vertex.compile.compile_recipe import compile_recipe

    topic = "projects/acme-nlp/topics/textmill-runs"
    settings = ["vertex.model_registry=true", f"vertex.notify.topic={topic}"]
    spec = compile_recipe(load_recipe("vertex", settings))
    given = tasks(spec)["Pusher"]["inputs"]["parameters"]
    name = given["registry"]["runtimeValue"]["constant"]
    assert name.endswith("/models/textmill-vertex")
    for parameter in ("project", "region"):
        assert f"{{{{$.inputs.parameters['{parameter}']}}}}" in name
        assert given[parameter] == {"componentInputParameter": parameter}
    record = spec["root"]["dag"]["tasks"]["RunRecord"]["inputs"]["parameters"]
    assert record["topic"]["runtimeValue"]["constant"] == topic
