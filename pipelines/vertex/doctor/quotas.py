"""How many accelerators the project may have in the region, where the Cloud Quotas API tells."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.compiled_spec.facts import Machines, machines_of
from pipelines.vertex.doctor.check import Check, Subject

SERVICE = "aiplatform.googleapis.com"
# Vertex AI's names of accelerators to those within its quota metrics.
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


def check_quota(subject: Subject) -> Iterator[Check]:
    """The limit of what the training job rents; what is in use of it, no API tells beforehand."""
    machines = machines_of(subject.template.spec)
    if machines is None:
        return
    cloud = subject.cloud
    path = f"/v1/projects/{cloud.target.project}/locations/global/services/{SERVICE}/quotaInfos"
    infos: list[Mapping[str, Any]] = []
    token = ""
    while True:
        query = [("pageSize", "500"), *([("pageToken", token)] if token else [])]
        page = cloud.ask("look at the quotas", "cloudquotas", path, query=query)
        infos += page.get("quotaInfos", [])
        token = page.get("nextPageToken", "")
        if not token:
            break
    yield _compare(machines, metric_of(machines), infos, subject)


def metric_of(machines: Machines) -> str:
    """The quota metric that the training counts against."""
    kind = METRICS.get(machines.accelerator or "", "")
    if not machines.accelerator:
        family = machines.machine_type.split("-")[0]
        kind = "cpus" if family in {"n1", "e2"} else f"{family}_cpus"
    spot = "preemptible_" if machines.is_spot else ""
    return f"{SERVICE}/custom_model_training_{spot}{kind}"


def _compare(
    machines: Machines, metric: str, infos: Sequence[Mapping[str, Any]], subject: Subject
) -> Check:
    region, project = subject.cloud.target.region, subject.cloud.target.project
    short = metric.removeprefix(f"{SERVICE}/")
    limit = _limit(metric, infos, region)
    page = f"https://console.cloud.google.com/iam-admin/quotas?project={project}"
    if limit is None:
        return Check(
            "quota", "warning", f"nothing is told of {short} in {region}",
            f"See that it is at least {machines.count}: {page}",
        )  # fmt: skip
    told = f"{short} in {region}: {limit:,}, the training needs {machines.count:,}"
    if limit < machines.count:
        return Check("quota", "failed", told, f"Ask for more, or take another machine: {page}")
    return Check("quota", "ok", told)


def _limit(metric: str, infos: Sequence[Mapping[str, Any]], region: str) -> int | None:
    """The limit in the region, else for all regions; None if none is told. -1 is no limit."""
    limits: dict[str, int] = {}
    for info in infos:
        if info.get("metric") == metric:
            for part in info.get("dimensionsInfos", ()):
                where = part.get("dimensions", {}).get("region", "")
                limits[where] = int(part.get("details", {}).get("value", 0))
    found = limits.get(region, limits.get(""))
    return None if found is None else found if found >= 0 else 1 << 31
