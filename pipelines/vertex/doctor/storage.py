"""The bucket of the artifacts and that of the text: there, near, closed to the public, writable."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from components.wording import plural
from pipelines.vertex.doctor.check import Check, Subject
from pipelines.vertex.spec_facts import machines_of

PERMISSIONS = ("storage.objects.create", "storage.objects.delete", "storage.objects.get",
               "storage.objects.list")  # fmt: skip
READING = ("storage.objects.get", "storage.objects.list")
MOST_PAGES = 20  # of a thousand names each
MEGABYTE = 1_000_000


def check_bucket(subject: Subject) -> Iterator[Check]:
    """The artifacts' bucket."""
    cloud, (name, _) = subject.cloud, _split(subject.root)
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
    name, _ = _split(subject.root)
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


def check_text(subject: Subject) -> Iterator[Check]:
    """Whether there is text, and enough of it for the training's hosts."""
    if subject.text_root is None:
        yield Check(
            "text", "warning", "no text is named", "Give --param text_root=gs://BUCKET/FOLDER."
        )
        return
    files, size, is_whole = _count(subject, subject.text_root)
    if not files:
        yield Check("text", "failed", f"nothing lies under {subject.text_root}", "Check text_root.")
        return
    more = "" if is_whole else "more than "
    told = f"{more}{plural(files, 'file', 'files')}, {size / MEGABYTE:,.0f} MB"
    machines = machines_of(subject.template.spec)
    hosts = machines.hosts if machines else 1
    shards = max(1, -(-size // _shard_bytes(subject)))
    if is_whole and shards < hosts:
        yield Check(
            "text", "failed",
            f"{told}: about {plural(shards, 'shard', 'shards')} for {hosts} hosts",
            "Some hosts would have nothing to read. Take a smaller machine, more text, or lower "
            "text.shard_bytes.",
        )  # fmt: skip
    else:
        yield Check(
            "text", "ok",
            f"{told}: about {shards:,} shards for {plural(hosts, 'host', 'hosts')}",
        )  # fmt: skip


def _shard_bytes(subject: Subject) -> int:
    """Text per shard: the recipe's, else the default."""
    from components.settings import TextSettings

    recipe = subject.template.recipe
    return (recipe.text if recipe else TextSettings()).shard_bytes


def _count(subject: Subject, root: str) -> tuple[int, int, bool]:
    """Files and bytes under a gs:// folder, and whether all were counted."""
    name, prefix = _split(root)
    files = size = 0
    token = ""
    for _ in range(MOST_PAGES):
        page = subject.cloud.ask(
            "list the text",
            "storage",
            f"/storage/v1/b/{quote(name)}/o",
            query=[
                ("prefix", f"{prefix}/" if prefix else ""),
                ("fields", "items(name,size),nextPageToken"),
                ("maxResults", "1000"),
                *([("pageToken", token)] if token else []),
            ],
        )
        items = [item for item in page.get("items", ()) if not item["name"].endswith("/")]
        files += len(items)
        size += sum(int(item.get("size", 0)) for item in items)
        token = page.get("nextPageToken", "")
        if not token:
            return files, size, True
    return files, size, False


def _split(root: str) -> tuple[str, str]:
    """Bucket and folder of a gs:// name."""
    bucket, _, folder = root.removeprefix("gs://").partition("/")
    return bucket, folder.strip("/")
