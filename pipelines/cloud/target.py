"""Decide which project, region and endpoint calls to Google Cloud go to."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import InputError

CONSOLE = "https://console.cloud.google.com"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PROJECT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]|(?:[a-z0-9.-]+:)[a-z][a-z0-9-]+")
SEE_PROJECTS = (
    " It has 6 to 30 lower-case letters, digits and hyphens; `gcloud projects list` shows yours."
)
REGION = re.compile(r"[a-z]+-[a-z]+\d+")
NO_PROJECT = (
    "No project is set. Pass --project, set GOOGLE_CLOUD_PROJECT, or set vertex.project in the "
    "recipe."
)
NO_REGION = (
    "No region is set. Pass --region (for example us-central1), set GOOGLE_CLOUD_REGION, or set "
    "vertex.region in the recipe."
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A project and region of Google Cloud, and the endpoint to reach them."""

    project: str
    region: str
    endpoint: str | None = None  # may contain {service}; None is Google's public endpoint

    @property
    def parent(self) -> str:
        """Resource name of the location."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def is_emulator(self) -> bool:
        """Whether calls stay on this machine, unencrypted."""
        return bool(self.endpoint) and urlsplit(self.endpoint or "").scheme == "http"

    def url(self, service: str) -> str:
        """Return scheme and host of an API, for example `storage` or `us-central1-aiplatform`."""
        if self.endpoint is None:
            return f"https://{service}.googleapis.com"
        return self.endpoint.replace("{service}", service)

    def console_link(self, kind: str, name: str) -> str:
        """Return the console page of one of the `runs` or `schedules`."""
        return (
            f"{CONSOLE}/vertex-ai/locations/{self.region}/pipelines/{kind}/{name}"
            f"?project={self.project}"
        )


def make_target(project: str | None, region: str | None, endpoint: str | None) -> Target:
    """Check project, region and endpoint before anything is sent.

    Raises:
        InputError: one of them is missing or malformed.
    """
    if not project or not region:
        values = {NO_PROJECT: project, NO_REGION: region}
        raise InputError("\n".join(problem for problem, value in values.items() if not value))
    if not PROJECT_ID.fullmatch(project):
        hint = " Pass the project's ID, not its number." if project.isdigit() else SEE_PROJECTS
        raise InputError(f"--project {project}: not the ID of a Google Cloud project.{hint}")
    if not REGION.fullmatch(region):
        hint = " That is a zone; leave out its letter." if REGION.match(region) else ""
        raise InputError(f"--region {region}: not a region, for example us-central1.{hint}")
    return Target(project=project, region=region, endpoint=_check_endpoint(endpoint))


def _check_endpoint(endpoint: str | None) -> str | None:
    """Return the endpoint without a trailing slash."""
    if not endpoint:
        return None
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.username:
        raise InputError(
            f"--endpoint {endpoint}: write it as https://HOST, without user, path or query."
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InputError(
            f"--endpoint {endpoint}: http would send your credentials unencrypted. Use https."
        )
    return endpoint.rstrip("/")
