"""Where to: project, region, endpoint, from options, the environment, a recipe, and credentials."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import InputError
from pipelines.cloud.errors import Place

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PROJECT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]|(?:[a-z0-9.-]+:)[a-z][a-z0-9-]+")
REGION = re.compile(r"[a-z]+-[a-z]+\d+")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A project and a region of Google Cloud, and how they are reached."""

    project: str
    region: str
    endpoint: str | None = None  # may hold {service}; None is Google's own

    @property
    def parent(self) -> str:
        """The location's resource name."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def place(self) -> Place:
        """What errors name."""
        return Place(self.project, self.region)

    @property
    def is_emulator(self) -> bool:
        """Whether calls stay on this machine, unencrypted."""
        return bool(self.endpoint) and urlsplit(self.endpoint or "").scheme == "http"

    def url(self, service: str) -> str:
        """Scheme and host of a Google API, as `storage` or `us-central1-aiplatform`."""
        if self.endpoint is None:
            return f"https://{service}.googleapis.com"
        return self.endpoint.replace("{service}", service)


def make_target(project: str | None, region: str | None, endpoint: str | None) -> Target:
    """Checks where a call is to go, before anything is sent.

    Raises:
        InputError: something is missing or of the wrong form.
    """
    if not project:
        raise InputError(
            "No project is named. Give --project, set GOOGLE_CLOUD_PROJECT, or set vertex.project "
            "in the recipe."
        )
    if not region:
        raise InputError(
            "No region is named. Give --region (as us-central1), set GOOGLE_CLOUD_REGION, or set "
            "vertex.region in the recipe."
        )
    if not PROJECT_ID.fullmatch(project):
        hint = " Give the id, not the number." if project.isdigit() else ""
        raise InputError(f"--project {project}: not the id of a Google Cloud project.{hint}")
    if not REGION.fullmatch(region):
        hint = " That is a zone; leave its letter out." if REGION.match(region) else ""
        raise InputError(f"--region {region}: not a region, as us-central1.{hint}")
    return Target(project=project, region=region, endpoint=_checked_endpoint(endpoint))


def _checked_endpoint(endpoint: str | None) -> str | None:
    """The endpoint without its last slash.

    Raises:
        InputError: tokens would travel in the clear, or it is no URL.
    """
    if not endpoint:
        return None
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.username:
        raise InputError(
            f"--endpoint {endpoint}: write it as https://host, without user, path or query."
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InputError(
            f"--endpoint {endpoint}: http would send your credentials in the clear. Use https."
        )
    return endpoint.rstrip("/")
