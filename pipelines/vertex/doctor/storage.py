"""Check the bucket of the artifacts: it exists, in the region, private and writable."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.vertex.doctor.check import Check, Subject

PERMISSIONS = (
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
)


def check_bucket(subject: Subject) -> Iterator[Check]:
    """Check that the bucket exists, is in the region of the run, and is not open to the public."""
    cloud, (name, _) = subject.cloud, split_uri(subject.root)
    bucket = cloud.call_api("look up the bucket", "storage", f"/storage/v1/b/{name}")
    location, region = str(bucket.get("location", "")).lower(), cloud.target.region
    if location == region:
        yield Check("bucket", "ok", f"{name} in {location}")
    else:
        yield Check(
            "bucket",
            "warning",
            f"{name} is in {location}, but the run is in {region}",
            f"Traffic between regions costs time and money. Use a bucket in {region}: `gcloud "
            f"storage buckets create gs://NAME --location={region} --uniform-bucket-level-access "
            f"--public-access-prevention`",
        )
    yield from _check_privacy(name, bucket.get("iamConfiguration", {}))


def _check_privacy(name: str, iam: Mapping[str, Any]) -> Iterator[Check]:
    if not iam.get("uniformBucketLevelAccess", {}).get("enabled"):
        yield Check(
            "bucket access",
            "warning",
            f"{name} allows access lists on single objects",
            f"gcloud storage buckets update gs://{name} --uniform-bucket-level-access",
        )
    if iam.get("publicAccessPrevention") != "enforced":
        yield Check(
            "bucket access",
            "warning",
            f"{name} could be opened to the public",
            f"gcloud storage buckets update gs://{name} --public-access-prevention",
        )


def check_write_access(subject: Subject) -> Iterator[Check]:
    """Check whether the caller may use the bucket; accounts.py checks the run's account."""
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
        yield Check(
            "bucket, you",
            "warning",
            f"you lack {', '.join(missing)} in {name}",
            "You need these only to look at artifacts, for example with `textmill lineage`.",
        )
    else:
        yield Check("bucket, you", "ok", "you may read and write its objects")


def split_uri(uri: str) -> tuple[str, str]:
    """Split a gs:// URI into bucket and folder."""
    bucket, _, folder = uri.removeprefix("gs://").partition("/")
    return bucket, folder.strip("/")
