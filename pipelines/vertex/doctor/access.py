"""Check credentials, project, APIs, region, and the permissions of the caller."""

from collections.abc import Iterator

from pipelines.compiled_spec.facts import uses_dataflow
from pipelines.vertex.doctor.check import Check, Subject

APIS = (
    "aiplatform.googleapis.com",  # pipelines and training
    "storage.googleapis.com",  # artifacts and text
    "artifactregistry.googleapis.com",  # images
    "logging.googleapis.com",  # logs
)
DATAFLOW_API = "dataflow.googleapis.com"
# Needed by the caller of `submit`, `schedule` and `runs`.
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
    """Check whose credentials are used, and whether they can be renewed."""
    cloud = subject.cloud
    if cloud.target.is_emulator:
        yield Check("credentials", "ok", "none: the endpoint is an emulator on this machine")
        return
    cloud.call("renew the credentials", cloud.refresh)
    account = getattr(cloud.credentials, "service_account_email", None)
    yield Check("credentials", "ok", account or "those of a user")


def check_project(subject: Subject) -> Iterator[Check]:
    """Check that the project exists and is active."""
    project = subject.cloud.target.project
    content = subject.cloud.call_api(
        "look up the project", "cloudresourcemanager", f"/v1/projects/{project}"
    )
    state = content.get("lifecycleState")
    if state == "ACTIVE":
        yield Check("project", "ok", f"{project} (number {content.get('projectNumber')})")
    else:
        yield Check(
            "project",
            "failed",
            f"{project} is {state}",
            "Restore the project, or pass another --project.",
        )


def check_apis(subject: Subject) -> Iterator[Check]:
    """Check that the APIs needed by a run are enabled."""
    project = subject.cloud.target.project
    apis = [*APIS, *([DATAFLOW_API] if uses_dataflow(subject.template.spec) else [])]
    content = subject.cloud.call_api(
        "look up the APIs",
        "serviceusage",
        f"/v1/projects/{project}/services:batchGet",
        query=[("names", f"projects/{project}/services/{api}") for api in apis],
    )
    states = {s["name"].rsplit("/", 1)[-1]: s.get("state") for s in content.get("services", [])}
    missing = [api for api in apis if states.get(api) != "ENABLED"]
    if missing:
        yield Check(
            "apis",
            "failed",
            f"not enabled: {', '.join(missing)}",
            f"gcloud services enable {' '.join(missing)} --project={project}",
        )
    else:
        yield Check("apis", "ok", f"{len(apis)} enabled")


def check_region(subject: Subject) -> Iterator[Check]:
    """Check that Vertex AI is available in the region."""
    target = subject.cloud.target
    subject.cloud.call_api(
        "look up the region", f"{target.region}-aiplatform", f"/v1/{target.parent}"
    )
    yield Check("region", "ok", target.region)


def check_caller(subject: Subject) -> Iterator[Check]:
    """Check that the caller may submit, schedule and cancel runs."""
    project = subject.cloud.target.project
    content = subject.cloud.call_api(
        "test your permissions",
        "cloudresourcemanager",
        f"/v1/projects/{project}:testIamPermissions",
        body={"permissions": list(CALLER_PERMISSIONS)},
    )
    held = set(content.get("permissions", ()))
    missing = [permission for permission in CALLER_PERMISSIONS if permission not in held]
    if missing:
        yield Check(
            "permissions",
            "failed",
            f"you lack {', '.join(missing)}",
            "Ask for the role roles/aiplatform.user (docs/guides/vertex-accounts.md).",
        )
    else:
        yield Check("permissions", "ok", "you may submit, schedule and cancel runs")
