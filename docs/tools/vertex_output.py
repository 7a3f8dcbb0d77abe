"""Call the commands for Vertex AI against the server of the tests, and return what they print."""

from collections.abc import Callable
from pathlib import Path

from docs.tools.textmill import TOP, shorten, textmill
from pipelines.recipe.vertex_settings import NO_DIGEST
from tests.vertex_server import VertexServer
from tests.vertex_server.google_apis import Account, Bucket
from tests.vertex_server.schedules import fire

PROJECT, REGION = "acme-nlp", "us-central1"
ACCOUNT = f"textmill-run@{PROJECT}.iam.gserviceaccount.com"
TEXT = (
    "--param",
    f"text_root=gs://{PROJECT}-text/news",
    "--param",
    "text_pattern=week-{SPAN}/*.txt",
)
FAST = ("--poll-seconds", "0.01")
SPEC = "weekly.yaml"
QUOTA = "aiplatform.googleapis.com/custom_model_training_preemptible_nvidia_a100_gpus"
ANOMALY = (
    "2 anomalies would spoil training: sentences: The feature was expected everywhere, but was "
    "missing in 12 % of documents."
)


def vertex_output(folder: Path) -> dict[str, str]:
    """Return the output of each command on the page about schedules, by the asset's name."""
    write_spec(folder)
    with VertexServer() as server:
        create_project(server)
        return commands(server, folder)


def write_spec(folder: Path) -> None:
    """Write the shipped spec as `SPEC`, with digests of images as if they had been built."""
    spec = (TOP / "pipeline.yaml").read_text(encoding="utf-8")
    spec = spec.replace(NO_DIGEST, "sha256:" + 32 * "5e").replace("your-project", PROJECT)
    (folder / SPEC).write_text(spec, encoding="utf-8")


def create_project(server: VertexServer) -> None:
    """Create the buckets, a text, the account and the quota that a run needs."""
    server.buckets |= {f"{PROJECT}-textmill": Bucket(), f"{PROJECT}-text": Bucket()}
    server.objects[f"{PROJECT}-text/news/week-3/a.txt"] = 300_000_000
    server.accounts[ACCOUNT] = Account()
    server.quotas[QUOTA, REGION] = 8


def connect(server: VertexServer, folder: Path, root: str) -> Callable[..., str]:
    """Return a function that calls `textmill` with the server instead of Google Cloud.

    Args:
        server: receives the requests.
        folder: the current directory of the commands.
        root: name of the folder for artifacts, in the project's bucket.
    """
    environment = {
        "TEXTMILL_VERTEX_ENDPOINT": server.url,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "GOOGLE_CLOUD_REGION": REGION,
        "TEXTMILL_PIPELINE_ROOT": f"gs://{PROJECT}-textmill/{root}",
        "TEXTMILL_SERVICE_ACCOUNT": ACCOUNT,
        "NO_GCE_CHECK": "true",
    }

    def call(*arguments: str, code: int = 0) -> str:
        return textmill(*arguments, folder=folder, code=code, progress=True, **environment)

    return call


def commands(server: VertexServer, folder: Path) -> dict[str, str]:
    """Call the commands in the order of the page."""
    call = connect(server, folder, "weekly")
    output = {"doctor": call("doctor", SPEC, *TEXT)}
    output["submit"] = shorten(call("submit", SPEC, *TEXT, "--watch", *FAST), first=12, last=8)
    wrong = ("--param", "stepps=3", "--param", "learning_rate=fast")
    output["submit-wrong"] = call("submit", SPEC, *wrong, code=2)
    every_monday = ("--cron", "0 3 * * 1", "--time-zone", "Europe/Berlin", "--name", "weekly")
    output["schedule-create"] = call("schedule", "create", SPEC, *TEXT, *every_monday)
    server.failing_tasks["DocumentValidator"] = ANOMALY
    job = fire(server, next(iter(server.schedules)))
    assert job is not None
    failed = job.name.rsplit("/", 1)[1]
    output["runs-show"] = call("runs", "show", failed, "--watch", *FAST, code=1)
    output["runs-list"] = call("runs", "list")
    output["schedule-pause"] = call("schedule", "pause", "weekly")
    output["schedule-list"] = call("schedule", "list")
    return output
