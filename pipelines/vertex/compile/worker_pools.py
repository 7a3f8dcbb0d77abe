"""Configure the machines of a run: the training job's worker pools, and Dataflow's workers."""

from collections.abc import Iterable
from typing import Any

from tfx.dsl.components.base import base_node

from components.instance_gen.component import InstanceGen
from components.statistics_gen.component import StatisticsGen
from components.text_example_gen.component import TextExampleGen
from pipelines.compiled_spec.parameters import DATAFLOW_FLAG, placeholder
from pipelines.machines.presets import Preset
from pipelines.recipe.vertex_settings import DataflowSettings

LIBTPU = "/lib/libtpu.so"  # path of the library in the TPU image (docker/Dockerfile)
# The other components read little, or do not use Beam.
LARGE_COMPONENTS = (TextExampleGen, InstanceGen, StatisticsGen)


def worker_pools(machine: Preset, image: str, disk_gb: int) -> list[dict[str, Any]]:
    """Return the `worker_pool_specs` of a custom job.

    Several hosts become a chief and workers, which is the TF_CONFIG that TensorFlow's
    MultiWorkerMirroredStrategy expects.
    """
    machine_spec: dict[str, Any] = {"machine_type": machine.machine_type}
    if machine.accelerator_type:
        machine_spec["accelerator_type"] = machine.accelerator_type
        machine_spec["accelerator_count"] = machine.accelerator_count
    if machine.tpu_topology:
        machine_spec["tpu_topology"] = machine.tpu_topology
    pool: dict[str, Any] = {
        "machine_spec": machine_spec,
        "replica_count": 1,
        "container_spec": {"image_uri": image, "env": _environment(machine, image)},
    }
    if not machine.is_tpu:  # the disk of a TPU VM cannot be configured
        pool["disk_spec"] = {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": disk_gb}
    if machine.hosts == 1:
        return [pool]
    return [pool, {**pool, "replica_count": machine.hosts - 1}]


def image_environment(image: str) -> list[dict[str, str]]:
    """Return the variable that tells a container its image's digest, for lineage."""
    return [{"name": "TEXTMILL_IMAGE_DIGEST", "value": image.rpartition("@")[2]}]


def _environment(machine: Preset, image: str) -> list[dict[str, str]]:
    variables = {}
    if machine.is_tpu:
        variables["TPU_NAME"] = "local"  # the TPU is attached to the container's VM
        variables["TPU_LIBRARY_PATH"] = LIBTPU
    if machine.needs_pjrt:
        variables["NEXT_PLUGGABLE_DEVICE_USE_C_API"] = "true"
        variables["TF_PLUGGABLE_DEVICE_LIBRARY_PATH"] = LIBTPU
    extra = [{"name": name, "value": value} for name, value in variables.items()]
    return image_environment(image) + extra


def use_dataflow(
    nodes: Iterable[base_node.BaseNode], recipe: str, settings: DataflowSettings, image: str | None
) -> None:
    """Set the flags of Dataflow's runner on the nodes with large inputs, in place."""
    for node in nodes:
        if isinstance(node, LARGE_COMPONENTS):
            node.with_beam_pipeline_args(dataflow_args(node.id, recipe, settings, image))


def dataflow_args(
    node: str, recipe: str, settings: DataflowSettings, image: str | None
) -> list[str]:
    """Return Beam's flags; project, region and folders are filled in at submission."""
    flags = [
        DATAFLOW_FLAG,
        f"--project={placeholder('project')}",
        f"--region={placeholder('region')}",
        f"--temp_location={placeholder('pipeline_root')}/dataflow",  # also for staged files
        # The image contains our package. Without this flag, TFX builds and uploads it per task.
        f"--sdk_container_image={image}",
        "--sdk_location=container",
        f"--max_num_workers={settings.max_workers}",
        f"--worker_machine_type={settings.machine_type}",
        # InstanceGen needs 0.25 to 0.35 GB per shard. By default, a worker starts 12 threads for
        # each process, which all take a shard.
        "--number_of_worker_harness_threads=1",
        # Shown in the console. Our runner appends a part of its own for each job.
        f"--job_name={recipe}-{node.lower()}-{{{{$.pipeline_job_uuid}}}}",
        f"--labels=textmill_recipe={recipe}",
        f"--labels=textmill_node={node.lower()}",
        "--labels=textmill_run={{$.pipeline_job_uuid}}",
    ]
    if settings.network:
        flags.append(f"--network={settings.network}")
    if settings.subnetwork:
        flags.append(f"--subnetwork={settings.subnetwork}")
    if not settings.public_ips:
        flags.append("--no_use_public_ips")
    if settings.service_account:
        flags.append(f"--service_account_email={settings.service_account}")
    return flags
