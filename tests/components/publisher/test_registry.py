"""Published models become versions of one model in the Model Registry."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1

from components.publisher import registry
from components.publisher.publish import Publication
from components.publisher.registry import RegistryError, register
from tests.vertex_server import VertexServer

MODEL = "projects/acme-nlp/locations/us-central1/models/textmill-weekly"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexServer]:
    with VertexServer() as server:

        def client(region: str) -> Any:
            assert region == "us-central1"
            options = {"api_endpoint": server.url}
            credentials = AnonymousCredentials()
            return v1.ModelServiceClient(
                transport="rest", credentials=credentials, client_options=options
            )

        monkeypatch.setattr(registry, "make_client", client)
        yield server


def published(number: int) -> Publication:
    return Publication(
        version=str(number),
        folder=f"gs://b/published/weekly/{number}",
        content_digest=f"sha256:{number:0<64}",
        reused=False,
    )


def versions(server: VertexServer) -> list[v1.Model]:
    (of_one_model,) = server.models.values()
    return of_one_model


def test_each_published_model_is_a_version_and_the_aliases_move(server: VertexServer) -> None:
    first = register(MODEL, published(1), "# Weekly\n")
    second = register(MODEL, published(2), "# Weekly\n" + 9000 * "x")
    assert (first, second) == (f"{MODEL}@1", f"{MODEL}@2")
    old, new = versions(server)
    assert list(old.version_aliases) == ["default"]
    assert list(new.version_aliases) == ["blessed", "latest"]
    assert new.artifact_uri == "gs://b/published/weekly/2"
    assert new.labels["textmill_version"] == "2"
    assert new.description.startswith("# Weekly")
    assert "gs://b/published/weekly/2/README.md" in new.version_description


def test_a_retry_registers_nothing_twice(server: VertexServer) -> None:
    assert register(MODEL, published(1), "") == register(MODEL, published(1), "")
    assert len(versions(server)) == 1


@pytest.mark.parametrize("status", [403, 404, 429])
def test_a_refusal_says_that_the_version_is_published(server: VertexServer, status: int) -> None:
    server.fault("POST", "models:upload", status, "Refused by the test.", times=99)
    with pytest.raises(RegistryError, match="It is published in gs://b/published/weekly/1"):
        register(MODEL, published(1), "")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ":listVersions$"), ("GET", "models/textmill-weekly$"), ("POST", "models:upload$"),
     ("POST", ":mergeVersionAliases$")],
)  # fmt: skip
def test_a_request_that_is_never_answered_says_that_the_version_is_published(
    server: VertexServer, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    assert registry.TIMEOUT_SECONDS == 60
    monkeypatch.setattr(registry, "TIMEOUT_SECONDS", 0.2)
    server.silence(method, path)
    with pytest.raises(RegistryError, match="It is published in gs://b/published/weekly/1"):
        register(MODEL, published(1), "")
