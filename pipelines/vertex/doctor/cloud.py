"""Run all checks on Google Cloud, in the order in which a run needs them to pass."""

from collections.abc import Iterator

from pipelines.vertex.doctor import access, storage, training
from pipelines.vertex.doctor.check import Check, Checker, State, Subject, run_checker

# Name, checker, and the state if the request is refused. A run may succeed even if we lack the
# permission to look at something, but not if the bucket or the region cannot be reached.
CHECKS: tuple[tuple[str, Checker, State], ...] = (
    ("project", access.check_project, "warning"),
    ("apis", access.check_apis, "warning"),
    ("region", access.check_region, "failed"),
    ("permissions", access.check_caller, "warning"),
    ("bucket", storage.check_bucket, "failed"),
    ("bucket, you", storage.check_write_access, "warning"),
    ("text", storage.check_text, "warning"),
    ("service account", access.check_account, "warning"),
    ("account's roles", access.check_roles, "warning"),
    ("batch", training.check_batch, "failed"),
    ("images", training.check_images, "warning"),
    ("quota", training.check_quota, "warning"),
)


def cloud_checks(subject: Subject) -> Iterator[Check]:
    """Run all checks; stop after the first if there are no usable credentials."""
    for check in run_checker(
        "credentials", access.check_credentials, subject, state_on_error="failed"
    ):
        yield check
        if check.state == "failed":
            return
    for name, checker, state_on_error in CHECKS:
        yield from run_checker(name, checker, subject, state_on_error=state_on_error)
