"""Emulate the other Google APIs that `textmill doctor` and `textmill runs logs` call."""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.vertex_server.filters import matches
from tests.vertex_server.resources import Call, Refusal


@dataclass
class Bucket:
    """The properties of a Cloud Storage bucket that the checks read."""

    location: str = "US-CENTRAL1"
    uniform: bool = True
    public_access: str = "enforced"
    lifecycle: list[dict[str, Any]] = field(default_factory=list)  # rules
    permissions: set[str] = field(
        default_factory=lambda: {
            "storage.buckets.get", "storage.objects.create", "storage.objects.delete",
            "storage.objects.get", "storage.objects.list",
        }
    )  # fmt: skip


@dataclass
class Account:
    """A service account, and the caller's permissions on it."""

    disabled: bool = False
    permissions: set[str] = field(default_factory=lambda: {"iam.serviceAccounts.actAs"})


@dataclass
class GoogleApis:
    """State of the other services; tests modify it."""

    project_number: str = "123456789012"
    project_state: str = "ACTIVE"
    project_permissions: set[str] | None = None  # None: all
    regions: set[str] = field(default_factory=lambda: {"us-central1", "europe-west4"})
    enabled_apis: set[str] | None = None  # None: all
    buckets: dict[str, Bucket] = field(default_factory=dict)
    images: set[str] | None = None  # None: all; "HOST/PROJECT/REPOSITORY/IMAGE@sha256:…"
    objects: dict[str, int] = field(default_factory=dict)  # "BUCKET/NAME" to bytes
    contents: dict[str, str] = field(default_factory=dict)  # of objects that are not plain text
    accounts: dict[str, Account] = field(default_factory=dict)
    denied: set[tuple[str, str]] = field(default_factory=set)  # principal, permission
    quotas: dict[tuple[str, str], int] = field(default_factory=dict)  # metric, region to limit
    log_entries: list[dict[str, Any]] = field(default_factory=list)
    tokens_given: list[str] = field(default_factory=list)


def get_region(server: Any, call: Call, project: str, region: str) -> dict[str, Any]:
    """GET aiplatform …/locations/REGION."""
    if region not in server.regions:
        raise Refusal(404, f"Location {region} is not found or access is unauthorized.")
    return {"name": f"projects/{project}/locations/{region}", "locationId": region}


def get_project(server: Any, call: Call, project: str) -> dict[str, Any]:
    """GET cloudresourcemanager /v1/projects/ID."""
    return {
        "projectId": project,
        "projectNumber": server.project_number,
        "lifecycleState": server.project_state,
    }


def test_project(server: Any, call: Call, project: str) -> dict[str, Any]:
    """POST cloudresourcemanager /v1/projects/ID:testIamPermissions."""
    requested = call.body["permissions"]
    held = server.project_permissions
    return {"permissions": [p for p in requested if held is None or p in held]}


def batch_services(server: Any, call: Call, project: str) -> dict[str, Any]:
    """GET serviceusage /v1/projects/ID/services:batchGet."""
    return {
        "services": [
            {"name": name, "state": _state(server, name.rsplit("/", 1)[-1])}
            for name in call.query["names"]
        ]
    }


def _state(server: Any, api: str) -> str:
    enabled = server.enabled_apis is None or api in server.enabled_apis
    return "ENABLED" if enabled else "DISABLED"


def get_bucket(server: Any, call: Call, bucket: str) -> dict[str, Any]:
    """GET storage /storage/v1/b/NAME."""
    stored = _bucket(server, bucket)
    if "storage.buckets.get" not in stored.permissions:
        raise Refusal(403, f"caller does not have storage.buckets.get access to {bucket}.")
    return {
        "name": bucket,
        "location": stored.location,
        "locationType": "region" if "-" in stored.location else "multi-region",
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": stored.uniform},
            "publicAccessPrevention": stored.public_access,
        },
        "lifecycle": {"rule": stored.lifecycle},
    }


def test_bucket(server: Any, call: Call, bucket: str) -> dict[str, Any]:
    """GET storage /storage/v1/b/NAME/iam/testPermissions."""
    stored = _bucket(server, bucket)
    return {"permissions": [p for p in call.query["permissions"] if p in stored.permissions]}


def list_objects(server: Any, call: Call, bucket: str) -> dict[str, Any]:
    """GET storage /storage/v1/b/NAME/o?prefix=…."""
    if "storage.objects.list" not in _bucket(server, bucket).permissions:
        raise Refusal(403, f"caller does not have storage.objects.list access to {bucket}.")
    start = f"{bucket}/{call.one('prefix')}"
    items = [
        {"name": name.split("/", 1)[1], "size": str(size)}
        for name, size in sorted(server.objects.items())
        if name.startswith(start)
    ]
    first, limit = int(call.one("pageToken") or 0), int(call.one("maxResults") or 1000)
    following = {"nextPageToken": str(first + limit)} if first + limit < len(items) else {}
    return {"items": items[first : first + limit], **following}


def read_object(server: Any, call: Call, bucket: str, name: str) -> str:
    """GET storage /storage/v1/b/NAME/o/OBJECT?alt=media."""
    if "storage.objects.get" not in _bucket(server, bucket).permissions:
        raise Refusal(403, f"caller does not have storage.objects.get access to {bucket}/{name}.")
    if f"{bucket}/{name}" not in server.objects:
        raise Refusal(404, f"No such object: {bucket}/{name}")
    if call.one("alt") != "media" or not call.headers["range"].startswith("bytes=0-"):
        raise Refusal(400, "This server sends the beginnings of objects only.")
    if not server.objects[f"{bucket}/{name}"]:
        raise Refusal(416, "The requested range cannot be satisfied.")
    return str(server.contents.get(f"{bucket}/{name}", "A sentence.\nAnother one.\n"))


def _bucket(server: Any, name: str) -> Bucket:
    if name not in server.buckets:
        raise Refusal(404, "The specified bucket does not exist.")
    return server.buckets[name]


def get_account(server: Any, call: Call, email: str) -> dict[str, Any]:
    """GET iam /v1/projects/-/serviceAccounts/EMAIL."""
    account = _account(server, email)
    return {"email": email, "disabled": account.disabled}


def test_account(server: Any, call: Call, email: str) -> dict[str, Any]:
    """POST iam /v1/projects/-/serviceAccounts/EMAIL:testIamPermissions."""
    account = _account(server, email)
    return {"permissions": [p for p in call.body["permissions"] if p in account.permissions]}


def _account(server: Any, email: str) -> Account:
    if email not in server.accounts:
        raise Refusal(404, f"Unknown service account {email}")
    return server.accounts[email]


def troubleshoot(server: Any, call: Call) -> dict[str, Any]:
    """POST policytroubleshooter /v1/iam:troubleshoot."""
    access = call.body["accessTuple"]
    denied = (access["principal"], access["permission"]) in server.denied
    return {"access": "NOT_GRANTED" if denied else "GRANTED"}


def get_image(server: Any, call: Call, repository: str, image: str) -> dict[str, Any]:
    """GET artifactregistry …/repositories/R/dockerImages/IMAGE@sha256:…."""
    project, location, name = re.fullmatch(
        r"projects/([^/]+)/locations/([^/]+)/repositories/([^/]+)", repository
    ).groups()  # type: ignore[union-attr]
    uri = f"{location}-docker.pkg.dev/{project}/{name}/{image}"
    if server.images is not None and uri not in server.images:
        raise Refusal(404, f"Requested entity {image!r} was not found.")
    return {"name": f"{repository}/dockerImages/{image}", "uri": uri, "imageSizeBytes": "1"}


def list_quotas(server: Any, call: Call, project: str) -> dict[str, Any]:
    """GET cloudquotas …/services/aiplatform.googleapis.com/quotaInfos."""
    metrics = dict.fromkeys(metric for metric, _ in server.quotas)
    return {
        "quotaInfos": [
            {
                "metric": metric,
                "quotaId": metric.rsplit("/", 1)[-1],
                "dimensionsInfos": [
                    {
                        "dimensions": {"region": region} if region else {},
                        "applicableLocations": [region] if region else ["global"],
                        "details": {"value": str(limit)},
                    }
                    for (name, region), limit in server.quotas.items()
                    if name == metric
                ],
            }
            for metric in metrics
        ]
    }


def list_log_entries(server: Any, call: Call) -> dict[str, Any]:
    """POST logging /v2/entries:list."""
    entries = [e for e in server.log_entries if matches(call.body.get("filter", ""), e)]
    if call.body.get("orderBy") == "timestamp desc":
        entries = entries[::-1]
    start = int(call.body.get("pageToken") or 0)
    size = int(call.body.get("pageSize") or 50)
    following = {"nextPageToken": str(start + size)} if start + size < len(entries) else {}
    return {"entries": entries[start : start + size], **following}


def give_token(server: Any, call: Call) -> dict[str, Any]:
    """POST /token: exchange a service account's key for an access token."""
    token = f"ya29.canary-{len(server.tokens_given)}-must-not-be-printed"
    server.tokens_given.append(token)
    return {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}


# The host of each; all others are Vertex AI's, REGION-aiplatform.googleapis.com.
HOSTS = {
    get_project: "cloudresourcemanager",
    test_project: "cloudresourcemanager",
    batch_services: "serviceusage",
    get_bucket: "storage",
    test_bucket: "storage",
    list_objects: "storage",
    read_object: "storage",
    get_account: "iam",
    test_account: "iam",
    troubleshoot: "policytroubleshooter",
    get_image: "artifactregistry",
    list_quotas: "cloudquotas",
    list_log_entries: "logging",
    give_token: "oauth2",
}
ROUTES = (
    ("GET", r"/v1/projects/(?P<project>[^/:]+)/locations/(?P<region>[^/:]+)", get_region),
    ("GET", r"/v1/projects/(?P<project>[^/:]+)", get_project),
    ("POST", r"/v1/projects/(?P<project>[^/:]+):testIamPermissions", test_project),
    ("GET", r"/v1/projects/(?P<project>[^/:]+)/services:batchGet", batch_services),
    ("GET", r"/storage/v1/b/(?P<bucket>[^/]+)", get_bucket),
    ("GET", r"/storage/v1/b/(?P<bucket>[^/]+)/iam/testPermissions", test_bucket),
    ("GET", r"/storage/v1/b/(?P<bucket>[^/]+)/o", list_objects),
    ("GET", r"/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>.+)", read_object),
    ("GET", r"/v1/projects/-/serviceAccounts/(?P<email>[^/:]+)", get_account),
    ("POST", r"/v1/projects/-/serviceAccounts/(?P<email>[^/:]+):testIamPermissions", test_account),
    ("POST", r"/v1/iam:troubleshoot", troubleshoot),
    ("GET", r"/v1/(?P<repository>projects/[^/]+/locations/[^/]+/repositories/[^/]+)/dockerImages/"
            r"(?P<image>.+)", get_image),
    ("GET", r"/v1/projects/(?P<project>[^/:]+)/locations/global/services/"
            r"aiplatform.googleapis.com/quotaInfos", list_quotas),
    ("POST", r"/v2/entries:list", list_log_entries),
    ("POST", r"/token", give_token),
)  # fmt: skip
