"""Tests that no token or key reaches a terminal or a log, with real credentials over TLS."""

import datetime
import json
import logging
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from core.exit import FAILED, SUCCEEDED
from tests.pipelines.vertex.conftest import ACCOUNT, PROJECT, TEXT, Textmill, put_text
from tests.vertex_server import VertexServer
from tests.vertex_server.google_apis import Account, Bucket

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Paths of a certificate for localhost and of its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(PEM, PKCS8, PLAIN))
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.fixture
def trusted(
    certificate: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[VertexServer, str]]:
    """A TLS server that accepts a service account's key, and the key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(PEM, PKCS8, PLAIN).decode()
    with VertexServer(tls=certificate) as server:
        content = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": private,
            "client_email": "submitter@acme-nlp.iam.gserviceaccount.com",
            "token_uri": f"{server.url}/token",
        }
        path = tmp_path / "key.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate[0])
        yield server, private


def test_no_secret_is_printed_or_logged(
    trusted: tuple[VertexServer, str],
    textmill: Textmill,
    spec: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, private = trusted
    monkeypatch.setenv("TEXTMILL_VERTEX_ENDPOINT", server.url)
    server.buckets["acme-nlp-textmill"] = Bucket()
    put_text(server)
    server.accounts[ACCOUNT] = Account()
    canary = "ya29.canary-0-must-not-be-printed"
    for path in ("pipelineJobs$", "schedules$"):
        server.fault("POST", path, 403, f"Permission denied for Bearer {canary}", times=1)
    create = ("schedule", "create", spec, *TEXT, "--cron", "0 3 * * 1")
    with caplog.at_level(logging.DEBUG):
        said = [
            textmill("submit", spec, *TEXT, "--dry-run"),
            textmill("submit", spec, *TEXT),
            textmill("submit", spec, *TEXT),
            textmill(*create, "--dry-run"),
            textmill(*create),
            textmill(*create),
            textmill("runs", "list", "--json"),
            textmill("runs", "show", "latest", "--json"),
            textmill("runs", "logs", "latest"),
            textmill("schedule", "list", "--json"),
            textmill("doctor", spec, *TEXT, "--service-account", ACCOUNT),
        ]
    assert [ended.code for ended in said[:6]] == [
        SUCCEEDED, FAILED, SUCCEEDED, SUCCEEDED, FAILED, SUCCEEDED,
    ]  # fmt: skip
    sent = {call.headers.get("authorization", "") for call in server.received} - {""}
    assert len(sent) >= 1  # the server did receive credentials
    secrets = {value.removeprefix("Bearer ") for value in sent} | {*server.tokens_given, canary}
    secrets |= set(private.splitlines()[1:-1])
    seen = "".join(ended.output for ended in said) + caplog.text
    assert [secret for secret in secrets if secret in seen] == []


def test_an_untrusted_server_receives_nothing(
    trusted: tuple[VertexServer, str], textmill: Textmill, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = trusted
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    ended = textmill("runs", "list", "--endpoint", server.url)
    assert ended.code == FAILED
    assert "REQUESTS_CA_BUNDLE" in ended.err or "certificate" in ended.err
    assert server.received == []


def test_an_emulator_receives_no_credentials(
    trusted: tuple[VertexServer, str], server: VertexServer, textmill: Textmill
) -> None:
    assert textmill("runs", "list").code == SUCCEEDED  # at http://127.0.0.1
    assert [call.headers.get("authorization") for call in server.received] == [None]


def test_the_error_about_a_broken_key_does_not_contain_the_key(
    trusted: tuple[VertexServer, str],
    textmill: Textmill,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, private = trusted
    path = tmp_path / "broken.json"
    body = private.splitlines()[1]
    path.write_text(json.dumps({"type": "service_account", "private_key": body}), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    ended = textmill("runs", "list", "--endpoint", server.url)
    assert ended.code == FAILED
    assert "gcloud auth application-default login" in ended.err
    assert body not in ended.output
