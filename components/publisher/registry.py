"""Register a published version in Vertex AI's Model Registry, as a version of one model."""

from typing import Any

from components.publisher.aliases import BLESSED, LATEST
from components.publisher.publish import Publication
from core.errors import TextmillError

DIGEST_LABEL = "textmill_digest"  # finds the version again when the task is retried
UPLOAD_SECONDS = 900.0
TIMEOUT_SECONDS = 60.0


class RegistryError(TextmillError):
    """The registry refused a version; the version is published in its folder."""


def register(model: str, publication: Publication, card: str) -> str:
    """Register a version, move the aliases to it, and return its resource name.

    Args:
        model: projects/PROJECT/locations/REGION/models/ID; created by the first version.
        publication: what was published.
        card: text of the model card; the registry keeps its beginning.

    Returns:
        The name of the version, `…/models/ID@VERSION`.

    Raises:
        RegistryError: Vertex AI refused, or did not answer.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    client = make_client(model.split("/")[3])
    try:
        version = _find(client, model, publication) or _upload(client, model, publication, card)
        # Assumption: an alias that another version has moves, as in the console.
        name = f"{model}@{version}"
        client.merge_version_aliases(
            name=name, version_aliases=[BLESSED, LATEST], timeout=TIMEOUT_SECONDS
        )
    except (GoogleAPIError, GoogleAuthError, RequestException, TimeoutError) as error:
        reason = getattr(error, "message", error)
        raise RegistryError(
            f"{model}: cannot register version {publication.version} ({reason}). It is published "
            f"in {publication.folder}. Check that the run's account has the role "
            f"roles/aiplatform.user; a retry of the task registers it."
        ) from error
    return name


def make_client(region: str) -> Any:
    """Return a client of the region's Model Registry."""
    from google.cloud import aiplatform_v1

    endpoint = f"{region}-aiplatform.googleapis.com"
    return aiplatform_v1.ModelServiceClient(
        transport="rest", client_options={"api_endpoint": endpoint}
    )


def _find(client: Any, model: str, publication: Publication) -> str | None:
    """Return the version that an earlier attempt registered."""
    from google.api_core.exceptions import NotFound

    request = {"name": model, "filter": f'labels.{DIGEST_LABEL}="{_digest(publication)}"'}
    try:
        versions = list(client.list_model_versions(request=request, timeout=TIMEOUT_SECONDS))
    except NotFound:  # nothing was registered yet
        return None
    return str(versions[0].version_id) if versions else None


def _upload(client: Any, model: str, publication: Publication, card: str) -> str:
    from google.api_core.exceptions import NotFound

    parent, _, model_id = model.partition("/models/")
    try:
        client.get_model(name=model, timeout=TIMEOUT_SECONDS)
        place = {"parent_model": model}
    except NotFound:
        place = {"model_id": model_id}
    version = {
        "display_name": model_id,
        "artifact_uri": publication.folder,
        "version_description": f"{publication.version}: {publication.folder}/README.md",
        "description": card[:4000],
        "labels": {DIGEST_LABEL: _digest(publication), "textmill_version": publication.version},
    }
    request = {"parent": parent, "model": version, **place}
    operation = client.upload_model(request=request, timeout=TIMEOUT_SECONDS)
    return str(operation.result(timeout=UPLOAD_SECONDS).model_version_id)


def _digest(publication: Publication) -> str:
    return publication.content_digest.rpartition(":")[2][:63]
