"""Run all checks on Google Cloud: those without a request first, the slowest last."""

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
    ("images", training.check_images, "warning"),
    ("quota", training.check_quota, "warning"),
    ("account's roles", access.check_roles, "warning"),  # a request for each permission
)


def cloud_checks(subject: Subject) -> Iterator[Check]:
    """Run all checks that are possible; stop if there are no usable credentials."""
    yield from training.check_batch(subject)
    if not subject.can_ask:
        return
    for check in run_checker(
        "credentials", access.check_credentials, subject, state_on_error="failed"
    ):
        yield check
        if check.state == "failed":
            return
    for name, checker, state_on_error in CHECKS:
        yield from run_checker(name, checker, subject, state_on_error=state_on_error)
