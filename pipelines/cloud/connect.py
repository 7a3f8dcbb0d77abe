"""Find credentials and connect to Google Cloud."""

import warnings
from collections.abc import Callable
from typing import Any

from pipelines.cloud.client import Cloud
from pipelines.cloud.errors import explain
from pipelines.cloud.target import Target, make_target
from pipelines.quiet import hush

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def connect(
    project: str | None,
    region: str | None,
    endpoint: str | None,
    *,
    report: Callable[[str], None] | None = None,
) -> Cloud:
    """Find credentials and check the target, without sending anything to Vertex AI.

    The default project is that of the credentials; `report` prints a line before each retry.

    Raises:
        InputError: the project or region is missing or malformed.
        VertexError: there are no credentials.
    """
    quiet_libraries()
    draft = make_target(project or "unknown", region, endpoint)
    credentials, default_project = find_credentials(draft)
    return Cloud(make_target(project or default_project, region, endpoint), credentials, report)


def find_credentials(target: Target) -> tuple[Any, str | None]:
    """Return application default credentials and their project; anonymous ones for an emulator."""
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    if target.is_emulator:
        return AnonymousCredentials(), None
    try:
        credentials: tuple[Any, str | None] = google.auth.default(scopes=[SCOPE])
    except Exception as error:
        raise explain(error, "find credentials", target) from None
    return credentials


def quiet_libraries() -> None:
    """Silence Google's libraries about the Python version; call this before importing them."""
    hush(verbose=False)
    warnings.filterwarnings("ignore", category=FutureWarning)
