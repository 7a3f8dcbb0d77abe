"""Fixtures: an emulator of Vertex AI, a spec to submit, and the command line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.recipe.vertex_settings import NO_DIGEST
from tests.vertex_server import VertexServer
from tests.vertex_server.google_apis import Bucket

PROJECT, REGION = "acme-nlp", "us-central1"
PARENT = f"projects/123456789012/locations/{REGION}"  # as Vertex AI writes names
ROOT = "gs://acme-nlp-textmill/weekly"
ACCOUNT = "textmill-run@acme-nlp.iam.gserviceaccount.com"
TEXT_BUCKET = "acme-nlp-text"
TEXT = ("--param", f"text_root=gs://{TEXT_BUCKET}/news")
SPEC = Path(__file__).parents[3] / "pipeline.yaml"


@dataclass(frozen=True)
class Ended:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def output(self) -> str:
        """Everything that the user sees."""
        return self.out + self.err


Textmill = Callable[..., Ended]


def put_text(server: VertexServer) -> None:
    """Put a file where the options `TEXT` say."""
    server.buckets[TEXT_BUCKET] = Bucket()
    server.objects[f"{TEXT_BUCKET}/news/week-1/a.txt"] = 300_000_000


@pytest.fixture
def server() -> Iterator[VertexServer]:
    with VertexServer() as server:
        put_text(server)
        yield server


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shipped spec, with digests of images as if they had been built."""
    path = tmp_path_factory.mktemp("spec") / "pipeline.yaml"
    text = SPEC.read_text(encoding="utf-8").replace(NO_DIGEST, "sha256:" + 32 * "5e")
    path.write_text(text.replace("your-project", PROJECT), encoding="utf-8")
    return str(path)


@pytest.fixture
def textmill(
    server: VertexServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Textmill:
    """Call the command line, which finds the emulator by environment variables."""
    environment = {
        "TEXTMILL_VERTEX_ENDPOINT": server.endpoint,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_REGION": REGION,
        "TEXTMILL_PIPELINE_ROOT": ROOT,
        "COLUMNS": "120",
        "NO_GCE_CHECK": "true",  # do not look for a metadata server
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr("sys.argv", ["textmill", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return call
