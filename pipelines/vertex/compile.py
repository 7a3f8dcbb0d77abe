"""A recipe to the Kubeflow spec that Vertex AI runs; the pipeline is that of a local run."""

import functools
from typing import Any

from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow

from components.code_digest import code_digest
from components.run_record.component import RunRecord
from components.vertex_trainer.component import VertexTrainer
from pipelines.create_pipeline import Places, Platform, create_pipeline
from pipelines.settings import Recipe
from pipelines.vertex.dataflow import send_to_dataflow
from pipelines.vertex.machines import preset, worker_pools
from pipelines.vertex.parameters import parameters_of
from pipelines.vertex.placeholders import placeholder
from pipelines.vertex.settings import VertexSettings
from pipelines.vertex.spec import finish_spec
from trainer.errors import InputError

TO_THE_TRAINER = (
    "project", "region", "service_account", "steps", "warmup_steps", "learning_rate",
    "global_batch_size", "seed", "model_size",
)  # fmt: skip


def compile_recipe(recipe: Recipe) -> dict[str, Any]:
    """Compiles a recipe with a part `vertex`.

    Returns:
        The PipelineSpec, schema 2.1, as JSON holds it.

    Raises:
        InputError: the recipe has no such part, or its machine, images or tasks do not fit.
    """
    parameters = parameters_of(recipe)
    vertex = recipe.vertex
    if vertex is None:
        raise InputError(f"The recipe {recipe.name} has no part `vertex:`.")
    given = {p.name: RuntimeParameter(name=p.name, ptype=p.type) for p in parameters}
    root = placeholder("pipeline_root")
    pipeline = create_pipeline(
        recipe,
        Places(
            input_base=given["text_root"],
            patterns=(placeholder("text_pattern"),),
            pipeline_root="",
            checkpoint_root="",
            destination=f"{root}/published/{recipe.name}",
            span=given["span"],
        ),
        Platform(
            trainer=functools.partial(
                VertexTrainer,
                job=custom_job(recipe.name, vertex),
                code_digest=code_digest("components.vertex_trainer.executor"),
                values={
                    "checkpoint_root": f"{root}/checkpoints/{recipe.name}",
                    **{name: given[name] for name in TO_THE_TRAINER},
                },
            ),
            seed=given["seed"],
            beam_args=() if vertex.dataflow else None,
            has_own_resolvers=False,
        ),
    )
    if vertex.dataflow:
        send_to_dataflow(pipeline.components, recipe.name, vertex.dataflow, vertex.images.dataflow)
    runner = kubeflow.KubeflowV2DagRunner(
        config=kubeflow.KubeflowV2DagRunnerConfig(
            default_image=vertex.images.data, use_pipeline_spec_2_1=True
        )
    )
    runner.set_exit_handler(RunRecord(recipe=recipe.name, record_root=f"{root}/runs"))
    spec: dict[str, Any] = runner.run(pipeline, write_out=False)["pipelineSpec"]
    return finish_spec(spec, recipe.description, vertex, parameters)


def custom_job(name: str, vertex: VertexSettings) -> dict[str, Any]:
    """The custom job that trains, but for what the submission says."""
    training = vertex.training
    machine = preset(training.machine)
    scheduling: dict[str, Any] = {
        "timeout": f"{round(training.timeout_hours * 3600)}s",
        "restart_job_on_worker_restart": True,
    }
    if training.spot:
        scheduling["strategy"] = "SPOT"
    job_spec: dict[str, Any] = {
        "worker_pool_specs": worker_pools(machine, vertex.images.trainer, training.disk_gb),
        "scheduling": scheduling,
    }
    if vertex.network:
        job_spec["network"] = vertex.network
    return {
        "display_name": f"textmill-{name}",
        "labels": {"textmill_recipe": name},
        "job_spec": job_spec,
    }
