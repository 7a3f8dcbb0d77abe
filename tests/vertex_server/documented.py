"""What the API's reference documents: fields of filters and orders, and machines for training.

Whatever is not listed here is refused, because the real service need not support it. Looked up in
November 2026: the docstrings of google-cloud-aiplatform 1.165 (`aiplatform_v1/types`), and
cloud.google.com/vertex-ai/docs/training/configure-compute.
"""

from collections.abc import Collection

from google.cloud import aiplatform_v1 as v1

from tests.vertex_server.resources import Refusal

TIMES = {"create_time", "update_time"}
# By collection: fields that a filter may name. `labels` and `metadata` stand for keys in them.
FILTERS: dict[str, Collection[str]] = {
    "pipelineJobs": {"pipeline_name", "display_name", "pipeline_job_user_id", "state", *TIMES,
                     "end_time", "labels", "template_uri", "template_metadata"},
    "schedules": {"display_name", "state", "request", "create_pipeline_job_request", "create_time",
                  "start_time", "end_time", "next_run_time"},
    "customJobs": {"display_name", "state", "create_time", "labels"},
    "models": {"model", "display_name", "labels", "base_model_name"},
    "modelVersions": {"labels"},
    "artifacts": {"name", "display_name", "uri", "state", "schema_title", *TIMES, "metadata",
                  "in_context"},
    "executions": {"name", "display_name", "state", "schema_title", *TIMES, "metadata",
                   "in_context"},
    "contexts": {"name", "display_name", "schema_title", *TIMES, "metadata", "parent_contexts",
                 "child_contexts"},
}  # fmt: skip
ORDERS: dict[str, Collection[str]] = {
    "pipelineJobs": {*TIMES, "end_time", "start_time"},
    "schedules": {"create_time", "start_time", "end_time", "next_run_time"},
    "customJobs": (),
    "models": {"display_name", *TIMES},
    "modelVersions": TIMES,
    # Assumption: the reference gives an example ("create_time desc") and no list.
    "artifacts": TIMES,
    "executions": TIMES,
    "contexts": TIMES,
}
# Machine types: the accelerator, and the counts that may be attached.
MACHINES: dict[str, tuple[str, Collection[int]]] = {
    "a2-highgpu-1g": ("NVIDIA_TESLA_A100", {1}),
    "a2-highgpu-2g": ("NVIDIA_TESLA_A100", {2}),
    "a2-highgpu-4g": ("NVIDIA_TESLA_A100", {4}),
    "a2-highgpu-8g": ("NVIDIA_TESLA_A100", {8}),
    "a2-megagpu-16g": ("NVIDIA_TESLA_A100", {16}),
    "a2-ultragpu-1g": ("NVIDIA_A100_80GB", {1}),
    "a2-ultragpu-2g": ("NVIDIA_A100_80GB", {2}),
    "a2-ultragpu-4g": ("NVIDIA_A100_80GB", {4}),
    "a2-ultragpu-8g": ("NVIDIA_A100_80GB", {8}),
    "a3-highgpu-1g": ("NVIDIA_H100_80GB", {1}),
    "a3-highgpu-2g": ("NVIDIA_H100_80GB", {2}),
    "a3-highgpu-4g": ("NVIDIA_H100_80GB", {4}),
    "a3-highgpu-8g": ("NVIDIA_H100_80GB", {8}),
    "a3-megagpu-8g": ("NVIDIA_H100_MEGA_80GB", {8}),
    "a3-ultragpu-8g": ("NVIDIA_H200_141GB", {8}),
    "a4-highgpu-8g": ("NVIDIA_B200", {8}),
    **{f"g2-standard-{cpus}": ("NVIDIA_L4", {1}) for cpus in (4, 8, 12, 16, 32)},
    "g2-standard-24": ("NVIDIA_L4", {2}),
    "g2-standard-48": ("NVIDIA_L4", {4}),
    "g2-standard-96": ("NVIDIA_L4", {8}),
}
OLD_TPUS = {"TPU_V2": {8}, "TPU_V3": {8, 32, 64, 128}}
TPU_TOPOLOGIES = {
    "ct5lp-hightpu-1t": {"1x1"},
    "ct5lp-hightpu-4t": {"2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16"},
    "ct5lp-hightpu-8t": {"2x4"},
}
NOT_ON_DEMAND = {"a3-highgpu-1g", "a3-highgpu-2g", "a3-highgpu-4g"}
WITHOUT_ACCELERATORS = ("n1-", "n2-", "e2-", "c2-", "m1-", "c3-", "n4-")
Strategy = v1.Scheduling.Strategy


def check_machine(spec: v1.MachineSpec, strategy: v1.Scheduling.Strategy) -> None:
    """Refuse a machine type with an accelerator, a count or a topology that it cannot have."""
    kind = v1.AcceleratorType(spec.accelerator_type).name if spec.accelerator_type else ""
    given = (kind, spec.accelerator_count)
    name = spec.machine_type
    if name in MACHINES:
        accelerator, counts = MACHINES[name]
        fits = kind == accelerator and spec.accelerator_count in counts
    elif name == "cloud-tpu":
        fits = spec.accelerator_count in OLD_TPUS.get(kind, ())
    elif name in TPU_TOPOLOGIES:
        fits = not kind and spec.tpu_topology in TPU_TOPOLOGIES[name]
    else:
        fits = name.startswith(WITHOUT_ACCELERATORS) and not kind
    if not fits:
        message = f"Machine type {name!r} is not supported with {given} {spec.tpu_topology}."
        raise Refusal(400, message)
    reserved = bool(spec.reservation_affinity.reservation_affinity_type)
    if name in NOT_ON_DEMAND and not reserved and strategy not in {
        Strategy.SPOT, Strategy.FLEX_START,
    }:  # fmt: skip
        raise Refusal(400, f"Machine type {name!r} is offered as Spot or Flex-start only.")
