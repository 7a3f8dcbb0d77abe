"""The bucket of the artifacts: there, near, closed to the public, writable."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.vertex.doctor.check import Check, Subject

PERMISSIONS = ("storage.objects.create", "storage.objects.delete", "storage.objects.get",
               "storage.objects.list")  # fmt: skip


def check_bucket(subject: Subject) -> Iterator[Check]:
    """The artifacts' bucket."""
    cloud, (name, _) = subject.cloud, split_root(subject.root)
    found = cloud.ask("look at the bucket", "storage", f"/storage/v1/b/{name}")
    location, region = str(found.get("location", "")).lower(), cloud.target.region
    if location == region:
        yield Check("bucket", "ok", f"{name} in {location}")
    else:
        yield Check(
            "bucket", "warning", f"{name} is in {location}, the run in {region}",
            f"Each byte between them is paid for, and late. Take a bucket in {region}: `gcloud "
            f"storage buckets create gs://NAME --location={region} --uniform-bucket-level-access "
            f"--public-access-prevention`",
        )  # fmt: skip
    yield from _openness(name, found.get("iamConfiguration", {}))


def _openness(name: str, iam: Mapping[str, Any]) -> Iterator[Check]:
    if not iam.get("uniformBucketLevelAccess", {}).get("enabled"):
        yield Check(
            "bucket access", "warning", f"{name} has access lists of single objects",
            f"gcloud storage buckets update gs://{name} --uniform-bucket-level-access",
        )  # fmt: skip
    if iam.get("publicAccessPrevention") != "enforced":
        yield Check(
            "bucket access", "warning", f"{name} could be opened to the public",
            f"gcloud storage buckets update gs://{name} --public-access-prevention",
        )  # fmt: skip


def check_writing(subject: Subject) -> Iterator[Check]:
    """Whether the caller may write there; the run's account is asked about in accounts.py."""
    name, _ = split_root(subject.root)
    found = subject.cloud.ask(
        "test the bucket",
        "storage",
        f"/storage/v1/b/{name}/iam/testPermissions",
        query=[("permissions", permission) for permission in PERMISSIONS],
    )
    held = set(found.get("permissions", ()))
    missing = [permission for permission in PERMISSIONS if permission not in held]
    if missing:
        # No failure: the run writes as its service account, not as the one who submits it.
        yield Check(
            "bucket, you", "warning", f"you lack {', '.join(missing)} in {name}",
            "Needed only to look at artifacts, as `textmill lineage` does.",
        )  # fmt: skip
    else:
        yield Check("bucket, you", "ok", "you may read and write its objects")


def split_root(root: str) -> tuple[str, str]:
    """Bucket and folder of a gs:// name."""
    bucket, _, folder = root.removeprefix("gs://").partition("/")
    return bucket, folder.strip("/")
