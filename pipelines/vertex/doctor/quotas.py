"""Check the project's quota of accelerators in the region."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.cloud.target import CONSOLE
from pipelines.compiled_spec.facts import Machines, machines_of
from pipelines.vertex.doctor.check import Check, Subject

SERVICE = "aiplatform.googleapis.com"
# Vertex AI's names of accelerators, and the names that its quota metrics use.
METRICS = {
    "NVIDIA_TESLA_A100": "nvidia_a100_gpus",
    "NVIDIA_A100_80GB": "nvidia_a100_80gb_gpus",
    "NVIDIA_H100_80GB": "nvidia_h100_gpus",
    "NVIDIA_TESLA_T4": "nvidia_t4_gpus",
    "NVIDIA_TESLA_V100": "nvidia_v100_gpus",
    "NVIDIA_L4": "nvidia_l4_gpus",
    "TPU_V2": "tpu_v2",
    "TPU_V3": "tpu_v3",
    "ct5lp": "tpu_v5e",
}
UNLIMITED = 1 << 31


def check_quota(subject: Subject) -> Iterator[Check]:
    """Check the quota that the training job counts against; no API says how much is in use."""
    machines = machines_of(subject.template.spec)
    if machines is None:
        return
    target = subject.cloud.target
    pages = subject.cloud.list_pages(
        "look up the quotas",
        "cloudquotas",
        f"/v1/projects/{target.project}/locations/global/services/{SERVICE}/quotaInfos",
        "quotaInfos",
        query=[("pageSize", "500")],
    )
    metric = metric_of(machines)
    limit = _find_limit(metric, [info for page in pages for info in page], target.region)
    name = metric.removeprefix(f"{SERVICE}/")
    page = f"{CONSOLE}/iam-admin/quotas?project={target.project}"
    if limit is None:
        yield Check(
            "quota",
            "warning",
            f"the quota of {name} in {target.region} is unknown",
            f"Make sure that it is at least {machines.count}: {page}",
        )
        return
    message = f"{name} in {target.region}: {limit:,}; the training needs {machines.count:,}"
    if limit < machines.count:
        remedy = f"Request more, or choose another machine: {page}"
        yield Check("quota", "failed", message, remedy)
    else:
        yield Check("quota", "ok", message)


def metric_of(machines: Machines) -> str:
    """Return the quota metric that the training counts against."""
    kind = METRICS.get(machines.accelerator or "", "")
    if not machines.accelerator:
        family = machines.machine_type.split("-")[0]
        kind = "cpus" if family in {"n1", "e2"} else f"{family}_cpus"
    spot = "preemptible_" if machines.is_spot else ""
    return f"{SERVICE}/custom_model_training_{spot}{kind}"


def _find_limit(metric: str, infos: Sequence[Mapping[str, Any]], region: str) -> int | None:
    """Return the limit in the region, or else for all regions; None if there is none."""
    limits: dict[str, int] = {}
    for info in infos:
        if info.get("metric") == metric:
            for part in info.get("dimensionsInfos", ()):
                quota_region = part.get("dimensions", {}).get("region", "")
                limits[quota_region] = int(part.get("details", {}).get("value", 0))
    limit = limits.get(region, limits.get(""))
    return UNLIMITED if limit is not None and limit < 0 else limit
