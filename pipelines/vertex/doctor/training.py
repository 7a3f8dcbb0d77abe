"""Check the training job: an even batch, pushed images, and the quota of accelerators."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from core.errors import InputError
from pipelines.cloud.errors import VertexError
from pipelines.cloud.target import CONSOLE
from pipelines.compiled_spec.job_batch import check_job_batch
from pipelines.compiled_spec.parameters import Machines, list_images, read_machines
from pipelines.recipe.vertex_settings import NO_DIGEST
from pipelines.vertex.doctor.check import Check, Subject

SERVICE = "aiplatform.googleapis.com"
# Vertex AI's names of accelerators, and the names that its quota metrics use.
METRICS = {
    "NVIDIA_TESLA_A100": "nvidia_a100_gpus",
    "NVIDIA_A100_80GB": "nvidia_a100_80gb_gpus",
    "NVIDIA_H100_80GB": "nvidia_h100_gpus",
    "NVIDIA_H100_MEGA_80GB": "nvidia_h100_mega_gpus",
    "NVIDIA_H200_141GB": "nvidia_h200_gpus",
    "NVIDIA_TESLA_T4": "nvidia_t4_gpus",
    "NVIDIA_TESLA_V100": "nvidia_v100_gpus",
    "NVIDIA_L4": "nvidia_l4_gpus",
    "TPU_V2": "tpu_v2",
    "TPU_V3": "tpu_v3",
    "ct5lp": "tpu_v5e",
}
UNLIMITED = 1 << 31
ARTIFACT_REGISTRY = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/"
    r"(?P<image>.+@sha256:[0-9a-f]{64})"
)


def check_batch(subject: Subject) -> Iterator[Check]:
    """Check that the replicas of the job divide the global batch."""
    try:
        share = check_job_batch(subject.template.spec, subject.values)
    except InputError as error:
        yield Check("batch", "failed", str(error))
        return
    if share:
        yield Check("batch", "ok", share)


def check_quota(subject: Subject) -> Iterator[Check]:
    """Check the quota that the training job counts against; no API says how much is in use."""
    machines = read_machines(subject.template.spec)
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
    metric = name_quota_metric(machines)
    limit = _find_limit(metric, [info for page in pages for info in page], target.region)
    name = metric.removeprefix(f"{SERVICE}/")
    page = f"{CONSOLE}/iam-admin/quotas?project={target.project}"
    if limit is None:
        message = f"the quota of {name} in {target.region} is unknown"
        remedy = f"Make sure that it is at least {machines.count}: {page}"
        yield Check("quota", "warning", message, remedy)
        return
    message = f"{name} in {target.region}: {limit:,}; the training needs {machines.count:,}"
    if limit < machines.count:
        remedy = f"Request more, or choose another machine: {page}"
        yield Check("quota", "failed", message, remedy)
    else:
        yield Check("quota", "ok", message)


def name_quota_metric(machines: Machines) -> str:
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


def check_images(subject: Subject) -> Iterator[Check]:
    """Check each image of the spec once."""
    for image in list_images(subject.template.spec):
        base = image.split("@")[0]
        name = f"image {base.rsplit('/', maxsplit=1)[-1]}"
        match = ARTIFACT_REGISTRY.fullmatch(image)
        if NO_DIGEST in image:
            remedy = (
                "Build and push it (docs/guides/vertex.md), put its digest into the recipe's "
                "vertex.images, and compile again."
            )
            yield Check(name, "failed", f"{base} is not built yet", remedy)
        elif not match:
            message = f"{image} is not in Artifact Registry, so it cannot be checked"
            remedy = "Make sure that the run's account may pull it."
            yield Check(name, "warning", message, remedy)
        else:
            yield _look_up(subject, name, image, match)


def _look_up(subject: Subject, name: str, image: str, match: re.Match[str]) -> Check:
    project, location = match["project"], match["location"]
    repository = f"projects/{project}/locations/{location}/repositories/{match['repository']}"
    path = f"/v1/{repository}/dockerImages/{quote(match['image'], safe='@:')}"
    try:
        subject.cloud.call_api(f"look up the image {image}", "artifactregistry", path)
    except VertexError as error:
        if "(404)" not in str(error):
            raise
        remedy = "Push it, or compile the recipe with the digest that you pushed."
        return Check(name, "failed", f"{image} does not exist", remedy)
    region = subject.cloud.target.region
    if location not in {region, region.split("-")[0]}:
        remedy = "Every machine pulls it across regions. Keep a copy in the region of the run."
        return Check(name, "warning", f"is in {location}, but the run is in {region}", remedy)
    return Check(name, "ok", f"is in {location}")
