"""A task's jobs on Dataflow: their requests, their bytes, and their end."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from components.text_example_gen.check_corpus import TextSource
from components.text_example_gen.write_documents import write_documents
from components.text_settings import TextSettings
from core.manifest import file_digest
from tests.dataflow.server import CANCELLED, DONE, DataflowService, Job, dataflow_service
from tests.pipelines.spec_runner.conftest import IMAGE, REAL_TEXT, TINY, compile_tiny

pytestmark = pytest.mark.slow
NODE = "TextExampleGen"
WAIT_SECONDS = 180


@pytest.fixture
def service() -> Iterator[DataflowService]:
    with dataflow_service() as service:
        yield service


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile a pipeline of one task, which runs on Dataflow, and no exit handler."""
    folder = tmp_path_factory.mktemp("spec")
    images = {"data": IMAGE, "trainer": IMAGE, "dataflow": IMAGE}
    vertex = {"images": images, "dataflow": {}, "retries": {"backoff_seconds": 0}}
    path = compile_tiny(folder, vertex=vertex)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    inner = content["components"]["tfx-dag"]["dag"]["tasks"]
    content["components"]["tfx-dag"]["dag"]["tasks"] = {NODE: inner[NODE]}
    tasks = content["root"]["dag"]["tasks"]
    content["root"]["dag"]["tasks"] = {"tfx-dag": tasks["tfx-dag"]}
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Run:
    """`textmill run-spec` in the background."""

    process: "subprocess.Popen[bytes]"
    workdir: Path

    def shards(self) -> dict[str, str]:
        """Return the digests of the documents."""
        return digests(next(self.workdir.rglob("Split-train")).parent)


def start(spec: Path, service: DataflowService, workdir: Path) -> Run:
    """Run the spec against the service."""
    content = yaml.safe_load(spec.read_text(encoding="utf-8"))
    for executor in content["deploymentSpec"]["executors"].values():
        if any("DataflowRunner" in word for word in executor.get("container", {}).get("args", ())):
            executor["container"]["args"] += [
                f"--dataflow_endpoint={service.endpoint}",
                "--no_auth",
            ]
    workdir.mkdir()
    own = workdir / "pipeline.yaml"
    own.write_text(yaml.safe_dump(content), encoding="utf-8")
    textmill = str(Path(sys.executable).with_name("textmill"))
    command = [textmill, "run-spec", str(own), "--warm", "--text", str(REAL_TEXT)]
    process = subprocess.Popen([*command, "--workdir", str(workdir / "w")], start_new_session=True)
    return Run(process, workdir / "w")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*.tfrecord.gz"))
    return {path.relative_to(folder).as_posix(): file_digest(str(path)) for path in files}


def task_process(run: Run) -> int:
    """Return the id of the process that runs the task's executor, in the folder of its files."""
    for path in Path("/proc").glob("[0-9]*/cwd"):
        number = int(path.parent.name)
        with contextlib.suppress(OSError):
            if path.readlink().is_relative_to(run.workdir) and os.getsid(number) == number:
                return number
    raise AssertionError("the task does not run")


def local_shards(folder: Path) -> dict[str, str]:
    """Return the digests of the documents that one process writes."""
    settings = TextSettings.model_validate(yaml.safe_load(TINY.read_text(encoding="utf-8"))["text"])
    source = TextSource(str(REAL_TEXT.parent), [REAL_TEXT.name], fingerprint="", span=0)
    write_documents(
        source, settings, str(folder), "code", lambda work, units, _: [work(u) for u in units]
    )
    return digests(folder)


def check_request(job: Job, run_id: str) -> None:
    """Compare what the service got with the recipe's settings."""
    options = job.options
    assert job.images() == {IMAGE}
    assert options["sdk_container_image"] == IMAGE
    assert options["number_of_worker_harness_threads"] == 1
    labels = job.request["labels"]
    assert {k: v for k, v in labels.items() if k.startswith("textmill_")} == {
        "textmill_recipe": "tiny", "textmill_node": NODE.lower(), "textmill_run": run_id
    }  # fmt: skip
    name = job.request["name"]
    assert re.fullmatch(rf"tiny-textexamplegen-{run_id}-[0-9a-f]{{8}}", name)


def test_a_retry_ends_the_job_of_the_killed_attempt_and_writes_the_same_bytes(
    spec: Path, service: DataflowService, tmp_path: Path
) -> None:
    service.held = 1
    run = start(spec, service, tmp_path / "run")
    wait_until(lambda: bool(service.jobs), "no job came")
    os.kill(task_process(run), signal.SIGKILL)
    assert run.process.wait(WAIT_SECONDS) == 0
    assert [job.state for job in service.jobs] == [CANCELLED, DONE]
    (run_folder,) = (run.workdir / "runs").iterdir()
    for job in service.jobs:
        check_request(job, run_folder.name.lower())
    assert service.jobs[0].request["name"] != service.jobs[1].request["name"]
    assert run.shards() == local_shards(tmp_path / "local")
    assert not list(run.workdir.rglob("*.partial"))


def test_a_stopped_run_cancels_its_job(
    spec: Path, service: DataflowService, tmp_path: Path
) -> None:
    service.held = 1
    run = start(spec, service, tmp_path / "run")
    wait_until(lambda: bool(service.jobs), "no job came")
    run.process.terminate()
    assert run.process.wait(WAIT_SECONDS) != 0
    assert [job.state for job in service.jobs] == [CANCELLED]
