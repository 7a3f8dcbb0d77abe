"""Credentials, project, APIs, region, and what the caller may do."""

from collections.abc import Iterator

from pipelines.compiled_spec.facts import uses_dataflow
from pipelines.vertex.doctor.check import Check, Subject

APIS = {
    "aiplatform.googleapis.com": "pipelines and training",
    "storage.googleapis.com": "artifacts and text",
    "artifactregistry.googleapis.com": "images",
    "logging.googleapis.com": "logs",
}
DATAFLOW_API = "dataflow.googleapis.com"
# What `submit`, `schedule` and `runs` need of the one who calls them.
CALLER_PERMISSIONS = (
    "aiplatform.pipelineJobs.create",
    "aiplatform.pipelineJobs.get",
    "aiplatform.pipelineJobs.list",
    "aiplatform.pipelineJobs.cancel",
    "aiplatform.schedules.create",
    "aiplatform.schedules.get",
    "aiplatform.schedules.list",
    "aiplatform.schedules.update",
    "aiplatform.schedules.delete",
)


def check_credentials(subject: Subject) -> Iterator[Check]:
    """Whose credentials these are, and whether they can be renewed."""
    cloud = subject.cloud
    if cloud.target.is_emulator:
        yield Check("credentials", "ok", "none: the endpoint is an emulator on this machine")
        return
    cloud.call("renew the credentials", cloud.refresh)
    account = getattr(cloud.credentials, "service_account_email", None)
    yield Check("credentials", "ok", account or "those of a user")


def check_project(subject: Subject) -> Iterator[Check]:
    """Whether the project is there and alive."""
    project = subject.cloud.target.project
    found = subject.cloud.ask(
        "look at the project", "cloudresourcemanager", f"/v1/projects/{project}"
    )
    if found.get("lifecycleState") != "ACTIVE":
        yield Check(
            "project", "failed", f"{project} is {found.get('lifecycleState')}",
            "Restore it, or give another --project.",
        )  # fmt: skip
    else:
        yield Check("project", "ok", f"{project} (number {found.get('projectNumber')})")


def check_apis(subject: Subject) -> Iterator[Check]:
    """Whether the APIs that a run needs are switched on."""
    project = subject.cloud.target.project
    apis = [*APIS, *([DATAFLOW_API] if uses_dataflow(subject.template.spec) else [])]
    found = subject.cloud.ask(
        "look at the APIs",
        "serviceusage",
        f"/v1/projects/{project}/services:batchGet",
        query=[("names", f"projects/{project}/services/{api}") for api in apis],
    )
    states = {s["name"].rsplit("/", 1)[-1]: s.get("state") for s in found.get("services", [])}
    missing = [api for api in apis if states.get(api) != "ENABLED"]
    if missing:
        yield Check(
            "apis", "failed", f"not enabled: {', '.join(missing)}",
            f"gcloud services enable {' '.join(missing)} --project={project}",
        )  # fmt: skip
    else:
        yield Check("apis", "ok", f"{len(apis)} enabled")


def check_region(subject: Subject) -> Iterator[Check]:
    """Whether Vertex AI answers in the region."""
    target = subject.cloud.target
    subject.cloud.ask("look at the region", f"{target.region}-aiplatform", f"/v1/{target.parent}")
    yield Check("region", "ok", target.region)


def check_caller(subject: Subject) -> Iterator[Check]:
    """Whether the caller may submit and schedule."""
    project = subject.cloud.target.project
    found = subject.cloud.ask(
        "look at your permissions",
        "cloudresourcemanager",
        f"/v1/projects/{project}:testIamPermissions",
        body={"permissions": list(CALLER_PERMISSIONS)},
    )
    held = set(found.get("permissions", ()))
    missing = [permission for permission in CALLER_PERMISSIONS if permission not in held]
    if missing:
        yield Check(
            "permissions", "failed", f"you lack {', '.join(missing)}",
            "Have roles/aiplatform.user granted to you (docs/vertex-accounts.md).",
        )  # fmt: skip
    else:
        yield Check("permissions", "ok", "you may submit, schedule and cancel")
