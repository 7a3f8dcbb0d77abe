"""The ten things that matter in pipeline.yaml, written by hand and not by the compiler.

The shipped file is read as Kubeflow's own library reads it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format

from tests.pipelines.vertex_spec.test_compile import GIVEN, SPEC_FILE, containers, tasks

DATA = "us-central1-docker.pkg.dev/your-project/textmill/data@sha256:" + "0" * 64
TRAINER = DATA.replace("/data@", "/trainer-gpu@")
# Which output each task reads.
READS = {
    "TextExampleGen": set(),
    "DocumentStatistics": {"TextExampleGen.examples"},
    "SchemaGen": {"DocumentStatistics.statistics"},
    "DocumentValidator": {"DocumentStatistics.statistics", "SchemaGen.schema"},
    "BaseModel-model-blessing-resolver": set(),
    "BaseModel-model-resolver": {"BaseModel-model-blessing-resolver.model_blessing"},
    "VocabularyGen": {"TextExampleGen.examples", "BaseModel-model-resolver.model"},
    "InstanceGen": {"TextExampleGen.examples", "VocabularyGen.vocabulary"},
    "CorpusReportGen": {
        "TextExampleGen.examples", "VocabularyGen.vocabulary", "InstanceGen.instances",
    },
    "InstanceStatistics": {"InstanceGen.instances"},
    "InstanceValidator": {"InstanceStatistics.statistics", "InstanceGen.schema"},
    "Trainer": {"InstanceGen.instances"},
    "LatestBlessedModel-model-blessing-resolver": set(),
    "LatestBlessedModel-model-resolver": {
        "LatestBlessedModel-model-blessing-resolver.model_blessing",
    },
    "ModelEvaluator": {
        "Trainer.model", "InstanceGen.instances", "LatestBlessedModel-model-resolver.model",
    },
    "ModelCardGen": {
        "TextExampleGen.examples", "VocabularyGen.vocabulary", "InstanceGen.instances",
        "Trainer.model", "ModelEvaluator.evaluation", "ModelEvaluator.blessing",
    },
    "Pusher": {"Trainer.model", "ModelEvaluator.blessing", "ModelCardGen.model_card"},
}  # fmt: skip
WAITS = {"VocabularyGen": {"DocumentValidator"}, "Trainer": {"InstanceValidator"}}
# Cores, gigabytes and seconds; the others have 4, 16 and six hours.
LIMITS = {
    "TextExampleGen": (8, 32, 43_200), "InstanceGen": (16, 64, 43_200),
    "ModelEvaluator": (16, 64, 21_600), "Trainer": (1, 4, 260_100), "RunRecord": (1, 4, 1_800),
}  # fmt: skip
EXECUTORS = {
    "TextExampleGen": "components.text_example_gen.executor.TextExampleGenExecutor",
    "DocumentStatistics": "components.statistics_gen.executor.Executor",
    "SchemaGen": "tfx.components.schema_gen.executor.Executor",
    "DocumentValidator": "components.example_validator.executor.Executor",
    "VocabularyGen": "components.vocabulary_gen.executor.VocabularyGenExecutor",
    "InstanceGen": "components.instance_gen.executor.Executor",
    "CorpusReportGen": "components.corpus_report.executor.Executor",
    "InstanceStatistics": "components.statistics_gen.executor.Executor",
    "InstanceValidator": "components.example_validator.executor.Executor",
    "Trainer": "components.vertex_trainer.executor.Executor",
    "ModelEvaluator": "components.model_evaluator.executor.Executor",
    "ModelCardGen": "components.model_card.executor.Executor",
    "Pusher": "components.publisher.executor.Executor",
    "RunRecord": "components.run_record.executor.Executor",
}
PARAMETERS = {
    "project": ("STRING", None), "region": ("STRING", None), "pipeline_root": ("STRING", None),
    "text_root": ("STRING", None), "text_pattern": ("STRING", "**"), "span": ("STRING", "newest"),
    "service_account": ("STRING", ""), "network": ("STRING", ""), "model_size": ("STRING", "base"),
    "steps": ("NUMBER_INTEGER", 100_000), "warmup_steps": ("NUMBER_INTEGER", 10_000),
    "global_batch_size": ("NUMBER_INTEGER", 256), "seed": ("NUMBER_INTEGER", 12_345),
    "learning_rate": ("NUMBER_DOUBLE", 1e-4),
}  # fmt: skip
LAST_BLESSED = 'schema_title="tfx.ModelBlessing" AND state=LIVE AND metadata.blessed.number_value=1'
ITS_MODEL = (
    'schema_title="tfx.Model" AND state=LIVE AND '
    "name=\"{{$.inputs.artifacts['input'].metadata['current_model_id']}}\""
)


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    """The shipped file, parsed by Kubeflow's schema and printed again."""
    from kfp.pipeline_spec import pipeline_spec_pb2

    content = yaml.safe_load(SPEC_FILE.read_text(encoding="utf-8"))
    parsed = json_format.ParseDict(content, pipeline_spec_pb2.PipelineSpec())
    spec: dict[str, Any] = json_format.MessageToDict(parsed)
    return spec


def test_each_task_reads_the_outputs_that_it_needs(shipped: dict[str, Any]) -> None:
    inner = shipped["components"]["tfx-dag"]["dag"]["tasks"]
    reads = {
        name: {
            f"{source['taskOutputArtifact']['producerTask']}."
            f"{source['taskOutputArtifact']['outputArtifactKey']}"
            for source in task.get("inputs", {}).get("artifacts", {}).values()
        }
        for name, task in inner.items()
    }
    assert reads == READS


def test_nothing_is_made_from_data_that_was_not_validated(shipped: dict[str, Any]) -> None:
    inner = shipped["components"]["tfx-dag"]["dag"]["tasks"]
    for name, task in inner.items():
        producers = {output.partition(".")[0] for output in READS[name]}
        waits = set(task.get("dependentTasks", ()))
        if not name.endswith("-resolver"):
            assert waits == producers | WAITS.get(name, set()), name


def test_each_container_runs_its_executor_in_the_data_image(shipped: dict[str, Any]) -> None:
    for name, container in containers(shipped).items():
        words = container["args"]
        assert words[words.index("--executor_class_path") + 1] == EXECUTORS[name]
        assert container["image"] == DATA, name
        assert container["command"][3:] == ["python", "-m", "components.run_task"]
    assert set(containers(shipped)) == set(EXECUTORS)


def test_each_container_has_its_limits(shipped: dict[str, Any]) -> None:
    for name, container in containers(shipped).items():
        cores, memory, seconds = LIMITS.get(name, (4, 16, 21_600))
        assert container["resources"] == {"cpuLimit": cores, "memoryLimit": memory}, name
        assert container["command"][:3] == ["timeout", "--kill-after=60s", f"{seconds}s"], name


def test_each_task_is_retried_twice_and_all_but_the_record_are_cached(
    shipped: dict[str, Any],
) -> None:
    for name in containers(shipped):
        task = tasks(shipped)[name]
        assert task["retryPolicy"]["maxRetryCount"] == 2, name
        assert task.get("cachingOptions", {}).get("enableCache", False) == (name != "RunRecord")


def test_the_parameters_have_their_types_and_defaults(shipped: dict[str, Any]) -> None:
    declared = shipped["root"]["inputDefinitions"]["parameters"]
    assert {
        name: (parameter["parameterType"], parameter.get("defaultValue"))
        for name, parameter in declared.items()
    } == PARAMETERS


def test_the_baseline_is_the_model_of_the_last_blessing(shipped: dict[str, Any]) -> None:
    executors = shipped["deploymentSpec"]["executors"]
    for node in ("LatestBlessedModel", "BaseModel"):
        blessing = executors[f"{node}-model-blessing-resolver_executor"]["resolver"]
        model = executors[f"{node}-model-resolver_executor"]["resolver"]
        assert blessing["outputArtifactQueries"] == {"model_blessing": {"filter": LAST_BLESSED}}
        assert model["outputArtifactQueries"] == {"model": {"filter": ITS_MODEL}}


def test_the_record_is_written_after_every_run_however_it_ended(shipped: dict[str, Any]) -> None:
    record = shipped["root"]["dag"]["tasks"]["RunRecord"]
    assert record["dependentTasks"] == ["tfx-dag"]
    assert record["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    final = record["inputs"]["parameters"]["final_status"]
    assert final == {"taskFinalStatus": {"producerTask": "tfx-dag"}}


def test_the_training_job_is_one_preemptible_a100_with_the_recipes_settings(
    shipped: dict[str, Any],
) -> None:
    given = tasks(shipped)["Trainer"]["inputs"]["parameters"]
    config = json.loads(given["custom_config"]["runtimeValue"]["constant"])
    job = config["ai_platform_training_args"]["job_spec"]
    assert job["scheduling"] == {
        "strategy": "SPOT", "timeout": "172800s", "restart_job_on_worker_restart": True,
    }  # fmt: skip
    (pool,) = job["worker_pool_specs"]
    assert pool["machine_spec"] == {
        "machine_type": "a2-highgpu-1g", "accelerator_type": "NVIDIA_TESLA_A100",
        "accelerator_count": 1,
    }  # fmt: skip
    assert (pool["replica_count"], pool["container_spec"]["image_uri"]) == (1, TRAINER)
    trainer = json.loads(config["training"])["trainer"]
    wanted = {"steps": 100_000, "global_batch_size": 256, "precision": "bfloat16"}
    assert wanted.items() <= trainer.items()
    root = "{{$.inputs.parameters['pipeline_root']}}/checkpoints/vertex"
    assert given["checkpoint_root"]["runtimeValue"]["constant"] == root
    for name in ("steps", "learning_rate", "seed", "model_size", "global_batch_size"):
        assert given[name] == {"componentInputParameter": name}


def test_kubeflow_compiles_a_pipeline_around_the_file_and_checks_its_arguments(
    tmp_path: Path,
) -> None:
    """Kubeflow's compiler reads the whole file, and knows names and types of its parameters."""
    from kfp import compiler, components, dsl

    textmill = components.load_component_from_file(str(SPEC_FILE))

    def compile_with(**values: Any) -> dict[str, Any]:
        @dsl.pipeline(name="outer")
        def outer() -> None:
            textmill(**{**GIVEN, **values})

        compiler.Compiler().compile(outer, str(tmp_path / "outer.yaml"))
        first, *_ = yaml.safe_load_all((tmp_path / "outer.yaml").read_text(encoding="utf-8"))
        spec: dict[str, Any] = first
        return spec

    outer = compile_with()
    images = {
        executor["container"]["image"]
        for executor in outer["deploymentSpec"]["executors"].values()
        if "container" in executor
    }
    assert images == {DATA}
    (task,) = outer["root"]["dag"]["tasks"].values()
    assert task["inputs"]["parameters"]["steps"] == {"runtimeValue": {"constant": 2000}}
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        compile_with(stepz=1)
    with pytest.raises(Exception, match="steps"):
        compile_with(steps="many")
