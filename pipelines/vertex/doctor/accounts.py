"""Check the service account of a run: it exists, the caller may use it, and it has its roles."""

from collections.abc import Iterator

from pipelines.compiled_spec.facts import machines_of, uses_dataflow
from pipelines.vertex.doctor.check import Check, Subject
from pipelines.vertex.doctor.storage import PERMISSIONS as BUCKET_PERMISSIONS

ACT_AS = "iam.serviceAccounts.actAs"
HOW_TO_GRANT = (
    "The commands are in docs/guides/vertex-accounts.md, "
    "the Terraform in pipelines/vertex/terraform."
)


def check_account(subject: Subject) -> Iterator[Check]:
    """Check that the service account is enabled and that the caller may act as it."""
    email = subject.service_account
    if email is None:
        yield Check(
            "service account",
            "warning",
            "none is given: the run would use Compute Engine's default account, which often has "
            "access to everything in the project",
            f"Pass --service-account. {HOW_TO_GRANT}",
        )
        return
    path = f"/v1/projects/-/serviceAccounts/{email}"
    account = subject.cloud.call_api("look up the service account", "iam", path)
    if account.get("disabled"):
        yield Check(
            "service account",
            "failed",
            f"{email} is disabled",
            f"gcloud iam service-accounts enable {email}",
        )
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
        yield Check(
            "service account",
            "failed",
            f"you may not act as {email}",
            f"gcloud iam service-accounts add-iam-policy-binding {email} "
            f"--member=user:YOU --role=roles/iam.serviceAccountUser",
        )


def check_roles(subject: Subject) -> Iterator[Check]:
    """Check the permissions of the service account with the Policy Troubleshooter."""
    email, project = subject.service_account, subject.cloud.target.project
    if email is None:
        return
    bucket = subject.root.removeprefix("gs://").split("/")[0]
    bucket_resource = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    project_resource = f"//cloudresourcemanager.googleapis.com/projects/{project}"
    needed = [(bucket_resource, permission) for permission in BUCKET_PERMISSIONS]
    if machines_of(subject.template.spec):
        needed.append((project_resource, "aiplatform.customJobs.create"))
        # The Trainer task starts the training job as the same account.
        own_resource = f"//iam.googleapis.com/projects/{project}/serviceAccounts/{email}"
        needed.append((own_resource, ACT_AS))
    if uses_dataflow(subject.template.spec):
        needed.append((project_resource, "dataflow.jobs.create"))
    missing = [
        permission
        for resource, permission in needed
        if not _is_granted(subject, resource, permission)
    ]
    if missing:
        yield Check(
            "account's roles",
            "failed",
            f"{email} lacks {', '.join(missing)}",
            f"Grant the permissions. {HOW_TO_GRANT}",
        )
    else:
        yield Check("account's roles", "ok", f"{len(needed)} permissions tested")


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
