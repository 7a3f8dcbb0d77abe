"""All that is looked at in the cloud, in the order in which a run needs it."""

from collections.abc import Iterator

from pipelines.vertex.doctor import access, accounts, images, quotas, storage, text, training
from pipelines.vertex.doctor.check import Check, Checker, State, Subject, look

# Name, what looks at it, and the state if Google Cloud does not answer: a missing role to *look*
# is no reason why a run must fail, a missing bucket is.
CHECKS: tuple[tuple[str, Checker, State], ...] = (
    ("project", access.check_project, "warning"),
    ("apis", access.check_apis, "warning"),
    ("region", access.check_region, "failed"),
    ("permissions", access.check_caller, "warning"),
    ("bucket", storage.check_bucket, "failed"),
    ("bucket, you", storage.check_writing, "warning"),
    ("text", text.check_text, "warning"),
    ("service account", accounts.check_account, "warning"),
    ("account's roles", accounts.check_grants, "warning"),
    ("batch", training.check_batch, "failed"),
    ("images", images.check_images, "warning"),
    ("quota", quotas.check_quota, "warning"),
)


def cloud_checks(subject: Subject) -> Iterator[Check]:
    """Looks at everything; without credentials at nothing else."""
    for check in look("credentials", access.check_credentials, subject, otherwise="failed"):
        yield check
        if check.state == "failed":
            return
    for name, checker, otherwise in CHECKS:
        yield from look(name, checker, subject, otherwise=otherwise)
