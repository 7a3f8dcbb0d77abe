"""Read and change the versions of a model in Vertex AI's Model Registry."""

import re

from core.errors import InputError
from pipelines.models.version import Version

ADDRESS = re.compile(r"vertex://(?P<project>[^/]+)/(?P<region>[^/]+)/(?P<model>[a-z0-9_-]+)")


class Registry:
    """The versions of one model: vertex://PROJECT/REGION/MODEL."""

    def __init__(self, address: str, endpoint: str | None = None) -> None:
        """Connect with this machine's credentials.

        Raises:
            InputError: the address has another form.
        """
        from pipelines.cloud.connect import connect

        match = ADDRESS.fullmatch(address)
        if not match:
            raise InputError(f"{address}: write it as vertex://PROJECT/REGION/MODEL.")
        self._address = address
        self._cloud = connect(match["project"], match["region"], endpoint)
        self._name = f"{self._cloud.target.parent}/models/{match['model']}"

    def versions(self) -> list[Version]:
        """Return the versions, newest first."""
        models = self._cloud.call(
            "list the model's versions",
            lambda: list(self._cloud.models.list_model_versions(name=self._name)),
        )
        newest_first = sorted(models, key=lambda model: int(model.version_id), reverse=True)
        return [
            Version(
                version=model.version_id,
                aliases=tuple(sorted(model.version_aliases)),
                published=model.version_create_time.isoformat(timespec="seconds"),
                folder=model.artifact_uri,
                content_digest=model.labels.get("textmill_digest", ""),
                size_bytes=None,
            )
            for model in newest_first
        ]

    def promote(self, version: Version, alias: str) -> None:
        """Let an alias name a version."""
        name = f"{self._name}@{version.version}"
        self._cloud.call(
            f"move the alias {alias}",
            lambda: self._cloud.models.merge_version_aliases(name=name, version_aliases=[alias]),
        )
