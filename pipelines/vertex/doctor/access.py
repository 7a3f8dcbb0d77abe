"""Check credentials, project, APIs, region, the caller's permissions, and the service account."""

from collections.abc import Iterator

from pipelines.compiled_spec.parameters import find_constants, read_machines, uses_dataflow
from pipelines.vertex.doctor.check import Check, Subject
from pipelines.vertex.doctor.storage import PERMISSIONS as BUCKET_PERMISSIONS
from pipelines.vertex.runs.spec_text import split_uri

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
    # `runs logs` and `runs show`: the training job, and logs
    "aiplatform.customJobs.list",
    "logging.logEntries.list",
    # `lineage --source vertex://…`
    "aiplatform.contexts.list",
    "aiplatform.contexts.queryContextLineageSubgraph",
)
ACT_AS = "iam.serviceAccounts.actAs"
HOW_TO_GRANT = (
    "The commands are in docs/guides/vertex-accounts.md, "
    "the Terraform in pipelines/vertex/terraform."
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
        remedy = "Restore the project, or pass another --project."
        yield Check("project", "failed", f"{project} is {state}", remedy)


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
        remedy = f"gcloud services enable {' '.join(missing)} --project={project}"
        yield Check("apis", "failed", f"not enabled: {', '.join(missing)}", remedy)
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
    """Check that the caller may submit, schedule, cancel and review runs."""
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
        remedy = (
            "Ask for the roles roles/aiplatform.user and roles/logging.viewer "
            "(docs/guides/vertex-accounts.md)."
        )
        yield Check("permissions", "failed", f"you lack {', '.join(missing)}", remedy)
    else:
        message = "you may submit, schedule, cancel and review runs"
        yield Check("permissions", "ok", message)


def check_account(subject: Subject) -> Iterator[Check]:
    """Check that the service account is enabled and that the caller may act as it."""
    email = subject.service_account
    if email is None:
        message = (
            "none is given: the run would use Compute Engine's default account, which often has "
            "access to everything in the project"
        )
        remedy = f"Pass --service-account. {HOW_TO_GRANT}"
        yield Check("service account", "warning", message, remedy)
        return
    path = f"/v1/projects/-/serviceAccounts/{email}"
    account = subject.cloud.call_api("look up the service account", "iam", path)
    if account.get("disabled"):
        remedy = f"gcloud iam service-accounts enable {email}"
        yield Check("service account", "failed", f"{email} is disabled", remedy)
        return
    answer = subject.cloud.call_api(
        "test the service account",
        "iam",
        f"{path}:testIamPermissions",
        body={"permissions": [ACT_AS]},
    )
    if ACT_AS in answer.get("permissions", ()):
        yield Check("service account", "ok", f"{email}; you may act as it")
    else:
        remedy = (
            f"gcloud iam service-accounts add-iam-policy-binding {email} "
            f"--member=user:YOU --role=roles/iam.serviceAccountUser"
        )
        yield Check("service account", "failed", f"you may not act as {email}", remedy)


def check_roles(subject: Subject) -> Iterator[Check]:
    """Check the permissions of the service account with the Policy Troubleshooter."""
    email = subject.service_account
    if email is None:
        return
    needed = list(_needed_permissions(subject, email))
    missing = [
        permission
        for resource, permission in needed
        if not _is_granted(subject, resource, permission)
    ]
    if missing:
        remedy = f"Grant the permissions. {HOW_TO_GRANT}"
        yield Check("account's roles", "failed", f"{email} lacks {', '.join(missing)}", remedy)
    else:
        yield Check("account's roles", "ok", f"{len(needed)} permissions tested")


def _needed_permissions(subject: Subject, email: str) -> Iterator[tuple[str, str]]:
    """Yield the full name of a resource and a permission on it that the tasks of a run use."""
    spec, name = subject.template.spec, subject.cloud.target.project
    project = f"//cloudresourcemanager.googleapis.com/projects/{name}"
    if subject.root:
        bucket, _ = split_uri(subject.root)
        for permission in BUCKET_PERMISSIONS:
            yield f"//storage.googleapis.com/projects/_/buckets/{bucket}", permission
    yield project, "logging.logEntries.create"
    if read_machines(spec):
        # Starts the training job, adopts it on a retry, watches it, and cancels it when stopped.
        for verb in ("create", "list", "get", "cancel"):
            yield project, f"aiplatform.customJobs.{verb}"
        # The Trainer task starts the training job as the same account.
        yield f"//iam.googleapis.com/projects/{name}/serviceAccounts/{email}", ACT_AS
    if uses_dataflow(spec):
        for verb in ("create", "list", "get", "cancel"):  # a retry ends the earlier job
            yield project, f"dataflow.jobs.{verb}"
    if find_constants(spec, "registry"):
        for verb in ("get", "list", "update", "upload"):
            yield project, f"aiplatform.models.{verb}"
    for topic in find_constants(spec, "topic"):
        yield f"//pubsub.googleapis.com/{topic}", "pubsub.topics.publish"
    for secret in find_constants(spec, "webhook_secret"):
        yield f"//secretmanager.googleapis.com/{secret}", "secretmanager.versions.access"


def _is_granted(subject: Subject, resource: str, permission: str) -> bool:
    answer = subject.cloud.call_api(
        "test the roles of the service account",
        "policytroubleshooter",
        "/v1/iam:troubleshoot",
        body={
            "accessTuple": {
                "principal": subject.service_account,
                "fullResourceName": resource,
                "permission": permission,
            }
        },
    )
    return answer.get("access") != "NOT_GRANTED"  # conditional or unknown access counts as granted
