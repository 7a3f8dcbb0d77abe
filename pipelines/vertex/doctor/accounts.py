"""The account that a run works as: there, usable by the caller, and allowed to do its work."""

from collections.abc import Iterator

from pipelines.compiled_spec.facts import machines_of, uses_dataflow
from pipelines.vertex.doctor.check import Check, Subject
from pipelines.vertex.doctor.storage import PERMISSIONS as BUCKET_PERMISSIONS

ACT_AS = "iam.serviceAccounts.actAs"
GRANTS = "docs/vertex-accounts.md has the commands; Terraform: pipelines/vertex/terraform."


def check_account(subject: Subject) -> Iterator[Check]:
    """The service account, and whether the caller may let a run work as it."""
    email = subject.service_account
    if email is None:
        yield Check(
            "service account", "warning",
            "none is named: the run would work as Compute Engine's default account, which often "
            "may do everything in the project",
            f"Give --service-account. {GRANTS}",
        )  # fmt: skip
        return
    path = f"/v1/projects/-/serviceAccounts/{email}"
    found = subject.cloud.ask("look at the service account", "iam", path)
    if found.get("disabled"):
        yield Check(
            "service account", "failed", f"{email} is disabled",
            f"gcloud iam service-accounts enable {email}",
        )  # fmt: skip
        return
    answer = subject.cloud.ask(
        "test the service account", "iam", f"{path}:testIamPermissions",
        body={"permissions": [ACT_AS]},
    )  # fmt: skip
    if ACT_AS in answer.get("permissions", ()):
        yield Check("service account", "ok", f"{email}; you may act as it")
    else:
        yield Check(
            "service account", "failed", f"you may not act as {email}",
            f"gcloud iam service-accounts add-iam-policy-binding {email} "
            f"--member=user:YOU --role=roles/iam.serviceAccountUser",
        )  # fmt: skip


def check_grants(subject: Subject) -> Iterator[Check]:
    """What the service account may do, asked of the Policy Troubleshooter."""
    email, project = subject.service_account, subject.cloud.target.project
    if email is None:
        return
    bucket = subject.root.removeprefix("gs://").split("/")[0]
    wanted = [
        (f"//storage.googleapis.com/projects/_/buckets/{bucket}", permission)
        for permission in BUCKET_PERMISSIONS
    ]
    whole = f"//cloudresourcemanager.googleapis.com/projects/{project}"
    if machines_of(subject.template.spec):
        wanted.append((whole, "aiplatform.customJobs.create"))
        # Its own Trainer task starts the training as the same account.
        itself = f"//iam.googleapis.com/projects/{project}/serviceAccounts/{email}"
        wanted.append((itself, ACT_AS))
    if uses_dataflow(subject.template.spec):
        wanted.append((whole, "dataflow.jobs.create"))
    lacks = [permission for place, permission in wanted if not _holds(subject, place, permission)]
    if lacks:
        yield Check(
            "account's roles",
            "failed",
            f"{email} lacks {', '.join(lacks)}",
            f"Grant them. {GRANTS}",
        )
    else:
        yield Check("account's roles", "ok", f"{len(wanted)} permissions tested")


def _holds(subject: Subject, place: str, permission: str) -> bool:
    answer = subject.cloud.ask(
        "ask for the account's roles",
        "policytroubleshooter",
        "/v1/iam:troubleshoot",
        body={
            "accessTuple": {
                "principal": subject.service_account,
                "fullResourceName": place,
                "permission": permission,
            }
        },
    )
    return answer.get("access") != "NOT_GRANTED"  # conditions and the unknown are no refusal
