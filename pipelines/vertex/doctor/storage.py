"""Check the bucket of the artifacts, and the text that a run would read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from core.format_numbers import format_count
from pipelines.vertex.doctor.check import Check, Subject

PERMISSIONS = (
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
)
NONCURRENT = {"numNewerVersions", "daysSinceNoncurrentTime", "noncurrentTimeBefore"}
MAX_PAGES = 20  # of a thousand names each
BYTES_PER_MB = 1_000_000
# Pattern syntax of components/text_example_gen/find_files.py and of TFX's spans.
SYNTAX = re.compile(r"(\{[A-Z]+(?::\d+)?\}|\*\*/?|\*|\?)")


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


def split_uri(uri: str) -> tuple[str, str]:
    """Split a gs:// URI into bucket and folder."""
    bucket, _, folder = uri.removeprefix("gs://").partition("/")
    return bucket, folder.strip("/")


def check_text(subject: Subject) -> Iterator[Check]:
    """Check that the run would find text."""
    root, pattern = subject.text_root, subject.text_pattern
    if root is None:
        remedy = "Pass --param text_root=gs://BUCKET/FOLDER."
        yield Check("text", "warning", "no text is given", remedy)
        return
    sizes, is_complete = _list_files(subject, root)
    selected, span = select_files(sizes, pattern, subject.span)
    where = f"{root}/{pattern}" if pattern else root
    if not selected:
        others = (
            f"; {format_count(len(sizes), 'other file', 'other files')} in the folder"
            if sizes
            else ""
        )
        remedy = "Check text_root and text_pattern."
        yield Check("text", "failed", f"no file matches {where}{others}", remedy)
        return
    size = sum(selected.values())
    shards = max(1, -(-size // _shard_bytes(subject)))
    yield Check(
        "text",
        "ok",
        f"{'' if is_complete else 'more than '}{format_count(len(selected), 'file', 'files')}"
        f"{f' of span {span}' if span else ''}, {size / BYTES_PER_MB:,.0f} MB: about "
        f"{format_count(shards, 'shard', 'shards')} for the workers",
    )


def select_files(
    sizes: Mapping[str, int], pattern: str, span: str | None
) -> tuple[dict[str, int], str]:
    """Select the files that a run would read: those of the newest span, or of the given one.

    Args:
        sizes: bytes by name, relative to the text's folder.
        pattern: comma-separated globs; one may contain {SPAN}, or {YYYY}, {MM} and {DD}.
        span: a number; None or "newest" selects the newest.

    Returns:
        Bytes by name of the selected files, and their span (empty if the pattern has none).
    """
    expressions = [_to_regex(part) for part in pattern.split(",") if part] or [_to_regex("**")]
    by_span: dict[tuple[int, ...], dict[str, int]] = {}
    for name, size in sizes.items():
        for expression in expressions:
            if match := expression.fullmatch(name):
                key = tuple(int(number) for number in match.groups())
                by_span.setdefault(key, {})[name] = size
                break
    if span and span.isdigit():
        by_span = {key: files for key, files in by_span.items() if key[:1] in {(), (int(span),)}}
    if not by_span:
        return {}, ""
    newest = max(by_span)
    return {**by_span.get((), {}), **by_span[newest]}, "-".join(map(str, newest))


def _to_regex(pattern: str) -> re.Pattern[str]:
    """Translate a glob to a regular expression with one group for each part of a span."""
    translations = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = [
        translations.get(part) or (r"(\d+)" if part.startswith("{") else re.escape(part))
        for part in SYNTAX.split(pattern)
    ]
    return re.compile("".join(parts) + "(?:/.*)?")  # the name of a folder includes all its files


def _shard_bytes(subject: Subject) -> int:
    """Return the bytes of text per shard: the recipe's setting, or the default."""
    from components.text_settings import TextSettings

    recipe = subject.template.recipe
    return (recipe.text if recipe else TextSettings()).shard_bytes


def _list_files(subject: Subject, root: str) -> tuple[dict[str, int], bool]:
    """List the bytes by name below a gs:// folder, and whether the list is complete."""
    bucket, folder = split_uri(root)
    prefix = f"{folder}/" if folder else ""
    sizes: dict[str, int] = {}
    pages = subject.cloud.list_pages(
        "list the text",
        "storage",
        f"/storage/v1/b/{quote(bucket)}/o",
        "items",
        query=[
            ("prefix", prefix),
            ("fields", "items(name,size),nextPageToken"),
            ("maxResults", "1000"),
        ],
    )
    for number, page in enumerate(pages):
        if number == MAX_PAGES:
            return sizes, False
        for item in page:
            if not item["name"].endswith("/"):
                sizes[item["name"].removeprefix(prefix)] = int(item.get("size", 0))
    return sizes, True
