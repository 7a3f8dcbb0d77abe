"""Compile a recipe's pipeline, the same as in a local run, to a spec for Vertex AI."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from tfx.orchestration.data_types import RuntimeParameter

from components.code_digest import digests_for_images, executor_digest
from components.run_record.component import RunRecord
from components.tfx_internals.kubeflow_spec import DEFAULT_IMAGE, compile_spec
from components.vertex_trainer.component import InPlaceTrainer, VertexTrainer
from core.errors import InputError
from core.settings import LATEST_BLESSED
from pipelines.compiled_spec.parameters import placeholder
from pipelines.create_pipeline import create_pipeline
from pipelines.machines.fit import check_machine
from pipelines.machines.presets import Preset, preset
from pipelines.recipe.settings import Recipe
from pipelines.recipe.vertex_settings import TrainingJobSettings, VertexSettings
from pipelines.run_environment import Locations, Platform
from pipelines.vertex.compile.parameters import list_spec_parameters, require_vertex
from pipelines.vertex.compile.sources import locate_sources
from pipelines.vertex.compile.spec import TRAINER_TASK, finish_spec
from pipelines.vertex.compile.worker_pools import use_dataflow, worker_pools

ROOT = placeholder("pipeline_root")
TRAINER_PARAMETERS = (
    "project", "region", "service_account", "network", "steps", "warmup_steps", "learning_rate",
    "global_batch_size", "seed", "model_size",
)  # fmt: skip


@digests_for_images()
def compile_recipe(recipe: Recipe) -> dict[str, Any]:
    """Compile a recipe that has a section `vertex` to a PipelineSpec, schema 2.1, as JSON values.

    Raises:
        InputError: the recipe has no such section, or names a machine or task that does not exist.
    """
    vertex, parameters = require_vertex(recipe), list_spec_parameters(recipe)
    if vertex.platform == "kubeflow":
        check_kubeflow(recipe, vertex)
    check_machine(recipe, preset(vertex.training.machine))
    runtime = {p.name: RuntimeParameter(name=p.name, ptype=p.type) for p in parameters}
    pipeline = create_pipeline(
        recipe, _locations(recipe, vertex, runtime), _platform(recipe.name, vertex, runtime)
    )
    if vertex.dataflow:
        use_dataflow(pipeline.components, recipe.name, vertex.dataflow, vertex.images.dataflow)
    record = RunRecord(
        recipe=recipe.name,
        record_root=f"{ROOT}/runs",
        topic=vertex.notify.topic or "",
        webhook_secret=vertex.notify.webhook_secret or "",
    )
    spec = compile_spec(pipeline, images_by_task(vertex), record)
    return finish_spec(spec, recipe.description, vertex, parameters)


def _locations(
    recipe: Recipe, vertex: VertexSettings, runtime: Mapping[str, RuntimeParameter]
) -> Locations:
    sources = recipe.text.sources
    return Locations(
        input_base=runtime["text_root"],
        patterns=locate_sources(recipe)[1] if sources else (placeholder("text_pattern"),),
        pipeline_root="",
        checkpoint_root="",
        destination=f"{ROOT}/published/{recipe.name}",
        span=runtime["span"],
        registry=_registry_model(recipe.name) if vertex.model_registry else None,
    )


def _platform(
    recipe: str, vertex: VertexSettings, runtime: Mapping[str, RuntimeParameter]
) -> Platform:
    on_kubeflow = vertex.platform == "kubeflow"
    trainer = functools.partial(
        InPlaceTrainer if on_kubeflow else VertexTrainer,
        job=custom_job(recipe, vertex),
        launch=vertex.training.launch(),
        code_digest=executor_digest(VertexTrainer),
        values={
            "checkpoint_root": f"{ROOT}/checkpoints/{recipe}",
            **{name: runtime[name] for name in TRAINER_PARAMETERS},
        },
    )
    return Platform(
        trainer=trainer,
        seed=runtime["seed"],
        beam_args=() if vertex.dataflow else None,
        resolvers="none" if on_kubeflow else "tfx",
    )


def _registry_model(recipe: str) -> str:
    """Return the model whose versions a recipe's published models are."""
    place = f"projects/{placeholder('project')}/locations/{placeholder('region')}"
    return f"{place}/models/textmill-{re.sub(r'[^a-z0-9_-]', '-', recipe.lower())[:50]}"


def check_kubeflow(recipe: Recipe, vertex: VertexSettings) -> None:
    """Refuse recipes that Kubeflow Pipelines cannot run.

    Raises:
        InputError: the recipe needs an earlier model, a TPU, or several hosts.
    """
    if LATEST_BLESSED in (recipe.model.start_from, recipe.vocabulary.import_from):
        raise InputError(
            "vertex.platform is kubeflow, which cannot look up the latest blessed model (its "
            'compiler says "resolver not implemented yet"). Set model.start_from and '
            "vocabulary.import_from to folders instead."
        )
    machine = preset(vertex.training.machine)
    if machine.is_tpu or machine.hosts > 1:
        raise InputError(
            f"vertex.platform is kubeflow, where training runs in one container, but "
            f"vertex.training.machine is {machine.name}. Choose cpu, or GPUs on one host."
        )


def images_by_task(vertex: VertexSettings) -> str | dict[str, str]:
    """Return the data image for all tasks, plus the trainer's if training has no job of its own."""
    if vertex.platform == "vertex":
        return vertex.images.data
    return {DEFAULT_IMAGE: vertex.images.data, TRAINER_TASK: vertex.images.trainer}


def custom_job(name: str, vertex: VertexSettings) -> dict[str, Any]:
    """Return the custom job of the training, without what is only known at submission.

    Raises:
        InputError: the machine is not offered in the way that the recipe asks for.
    """
    training, machine = vertex.training, preset(vertex.training.machine)
    _check_offer(training, machine)
    pools = worker_pools(machine, vertex.images.trainer, training.disk_gb)
    if training.reservation:
        affinity = {
            "reservation_affinity_type": "SPECIFIC_RESERVATION",
            "key": "compute.googleapis.com/reservation-name",
            "values": [training.reservation],
        }
        for pool in pools:
            pool["machine_spec"] = {**pool["machine_spec"], "reservation_affinity": affinity}
    job: dict[str, Any] = {
        "display_name": f"textmill-{name}",
        "labels": {"textmill_recipe": name},
        "job_spec": {
            "worker_pool_specs": pools,
            "scheduling": _scheduling(training),
            **_optional_fields(vertex),
        },
    }
    if vertex.kms_key:
        job["encryption_spec"] = {"kms_key_name": vertex.kms_key}
    return job


def _check_offer(training: TrainingJobSettings, machine: Preset) -> None:
    is_reserved = training.reservation or training.persistent_resource
    if machine.spot_only and not (training.spot or training.flex_start or is_reserved):
        raise InputError(
            f"vertex.training.machine: {machine.name} ({machine.machine_type}) is not offered on "
            f"demand. Set vertex.training.spot or flex_start, or choose another machine."
        )
    if training.flex_start and machine.image != "gpu":
        raise InputError(
            f"vertex.training.flex_start: {machine.name} has no GPUs, and Flex-start is for GPUs. "
            f"Use spot, or choose a GPU."
        )


def _scheduling(training: TrainingJobSettings) -> dict[str, Any]:
    scheduling: dict[str, Any] = {
        "timeout": f"{round(training.timeout_hours * 3600)}s",
        "restart_job_on_worker_restart": True,
    }
    if training.spot:
        scheduling["strategy"] = "SPOT"
    if training.flex_start:
        scheduling["strategy"] = "FLEX_START"
        scheduling["max_wait_duration"] = f"{round(training.max_wait_hours * 3600)}s"
    return scheduling


def _optional_fields(vertex: VertexSettings) -> dict[str, Any]:
    """Return the fields of a CustomJobSpec that the recipe sets."""
    training, attachment = vertex.training, vertex.network_attachment
    fields = {
        "reserved_ip_ranges": vertex.reserved_ip_ranges,
        "psc_interface_config": {"network_attachment": attachment} if attachment else None,
        "persistent_resource_id": training.persistent_resource,
        "tensorboard": training.tensorboard,
        "enable_web_access": training.web_access,
    }
    return {name: value for name, value in fields.items() if value}
