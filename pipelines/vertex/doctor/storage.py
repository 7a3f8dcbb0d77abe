"""Check the bucket of the artifacts, and the text that a run would read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.format_numbers import format_count
from pipelines.vertex.doctor.check import Check, Subject
from pipelines.vertex.runs.spec_text import NoTextError, find_text, split_uri

PERMISSIONS = (
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
)
NONCURRENT = {"numNewerVersions", "daysSinceNoncurrentTime", "noncurrentTimeBefore"}
BYTES_PER_MB = 1_000_000


def check_bucket(subject: Subject) -> Iterator[Check]:
    """Check that the bucket exists, is in the region of the run, and is not open to the public."""
    if subject.root is None:
        return
    cloud, (name, _) = subject.cloud, split_uri(subject.root)
    bucket = cloud.call_api("look up the bucket", "storage", f"/storage/v1/b/{name}")
    location, region = str(bucket.get("location", "")).lower(), cloud.target.region
    if location == region:
        yield Check("bucket", "ok", f"{name} in {location}")
    else:
        message = f"{name} is in {location}, but the run is in {region}"
        remedy = (
            f"Traffic between regions costs time and money. Use a bucket in {region}: `gcloud "
            f"storage buckets create gs://NAME --location={region} --uniform-bucket-level-access "
            f"--public-access-prevention`"
        )
        yield Check("bucket", "warning", message, remedy)
    yield from _check_privacy(name, bucket.get("iamConfiguration", {}))
    yield from _check_lifecycle(subject.root, bucket.get("lifecycle", {}).get("rule", ()))


def _check_privacy(name: str, iam: Mapping[str, Any]) -> Iterator[Check]:
    if not iam.get("uniformBucketLevelAccess", {}).get("enabled"):
        message = f"{name} allows access lists on single objects"
        remedy = f"gcloud storage buckets update gs://{name} --uniform-bucket-level-access"
        yield Check("bucket access", "warning", message, remedy)
    if iam.get("publicAccessPrevention") != "enforced":
        remedy = f"gcloud storage buckets update gs://{name} --public-access-prevention"
        yield Check("bucket access", "warning", f"{name} could be opened to the public", remedy)


def _check_lifecycle(root: str, rules: Sequence[Mapping[str, Any]]) -> Iterator[Check]:
    """Warn of rules that delete artifacts, which the cache points at, or published models."""
    name, folder = split_uri(root)
    kept = [f"{folder}/{kind}/".lstrip("/") for kind in ("artifacts", "published")]
    for rule in rules:
        condition = rule.get("condition", {})
        # These concern old versions of objects only.
        if condition.get("isLive") is False or condition.keys() & NONCURRENT:
            continue
        prefixes = condition.get("matchesPrefix", [""])
        hit = [k for k in kept if any(k.startswith(p) or p.startswith(k) for p in prefixes)]
        if rule.get("action", {}).get("type") == "Delete" and hit:
            message = f"a rule of {name} deletes objects in {' and '.join(hit)}"
            remedy = (
                "Vertex AI's cache has no end: a cached task would point at what is gone. Limit "
                f"the rule to {folder}/checkpoints/ (keep_checkpoints_days in "
                "pipelines/vertex/terraform)."
            )
            yield Check("bucket lifecycle", "warning", message, remedy)


def check_write_access(subject: Subject) -> Iterator[Check]:
    """Check whether the caller may use the bucket; access.py checks the run's account."""
    if subject.root is None:
        return
    name, _ = split_uri(subject.root)
    answer = subject.cloud.call_api(
        "test the bucket",
        "storage",
        f"/storage/v1/b/{name}/iam/testPermissions",
        query=[("permissions", permission) for permission in PERMISSIONS],
    )
    held = set(answer.get("permissions", ()))
    missing = [permission for permission in PERMISSIONS if permission not in held]
    if missing:
        # Only a warning, because the run writes as its service account and not as the caller.
        remedy = "You need these only to look at artifacts, for example with `textmill lineage`."
        yield Check("bucket, you", "warning", f"you lack {', '.join(missing)} in {name}", remedy)
    else:
        yield Check("bucket, you", "ok", "you may read and write its objects")


def check_text(subject: Subject) -> Iterator[Check]:
    """Check that the run would find text."""
    if subject.text is None:
        remedy = "Pass --param text_root=gs://BUCKET/FOLDER."
        yield Check("text", "warning", "no text is given", remedy)
        return
    try:
        listed = find_text(subject.cloud, subject.text)
    except NoTextError as error:
        yield Check("text", "failed", error.message, error.remedy)
        return
    size = sum(listed.sizes.values())
    shards = max(1, -(-size // subject.text.settings.shard_bytes))
    yield Check(
        "text",
        "ok",
        f"{'' if listed.is_complete else 'more than '}"
        f"{format_count(len(listed.sizes), 'file', 'files')}"
        f"{f' of span {listed.span}' if listed.span else ''}, {size / BYTES_PER_MB:,.0f} MB: "
        f"about {format_count(shards, 'shard', 'shards')} for the workers",
    )
