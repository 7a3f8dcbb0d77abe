"""Every engine makes the same bytes as this machine alone, even if it loses a worker."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.failpoints import FLAG_VARIABLE, VARIABLE
from core.manifest import file_digest
from tests.forked_runs import Running, Start
from tests.real_text import DATA

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent
TINY = Path(__file__).with_name("tiny.yaml")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the digests of what the local engine makes."""
    workdir = tmp_path_factory.mktemp("local")
    return make_instances(workdir)


def make_instances(workdir: Path, *settings: str) -> dict[str, str]:
    """Run the data components; return the digests of their files."""
    changes = [word for setting in settings for word in ("--set", setting)]
    words = ("run", str(TINY), "--text", str(DATA / "language_reference.txt"))
    where = ("--workdir", str(workdir), "--to-node", "InstanceValidator")
    run = Running(Start((*words, *where, *changes))).wait()
    assert run.code == 0, run.output
    artifacts = workdir / "artifacts/tiny"
    files = (p for p in artifacts.rglob("*") if p.is_file() and ".system" not in p.parts)
    return {path.relative_to(artifacts).as_posix(): file_digest(str(path)) for path in files}


@contextlib.contextmanager
def started(*commands: list[str], **environment: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run servers as processes of their own, and end them with all their children."""
    path = f"{BIN}:{os.environ['PATH']}"  # Beam's pool starts `python`
    variables = {**os.environ, "PATH": path, **environment}
    processes = [
        subprocess.Popen(command, env=variables, start_new_session=True) for command in commands
    ]
    try:
        yield processes
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


def test_beams_job_server_with_a_worker_pool(tmp_path: Path, expected: dict[str, str]) -> None:
    jobs, pool = free_port(), free_port()
    server = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main"]
    workers = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main"]
    with started([*server, "--port", str(jobs)], [*workers, "--service_port", str(pool)]):
        wait_for(jobs)
        wait_for(pool)
        made = make_instances(
            tmp_path,
            "beam.engine=portable",
            f"beam.endpoint=localhost:{jobs}",
            f"beam.environment=EXTERNAL:localhost:{pool}",
        )
    assert made == expected


def test_a_dask_cluster_that_loses_a_worker(tmp_path: Path, expected: dict[str, str]) -> None:
    port, flag = free_port(), tmp_path / "killed"
    address = f"tcp://127.0.0.1:{port}"
    plain = ["--no-dashboard"]
    scheduler = [str(BIN / "dask"), "scheduler", "--host", "127.0.0.1", "--port", str(port), *plain]
    worker = [str(BIN / "dask"), "worker", address, "--no-nanny", "--nthreads", "1", *plain]
    failpoint = {VARIABLE: "write-shard:1", FLAG_VARIABLE: str(flag)}
    with started(scheduler), started(worker, worker, **failpoint) as workers:
        wait_for(port)
        made = make_instances(tmp_path / "w", "beam.engine=dask", f"beam.endpoint={address}")
        assert sorted(process.poll() is None for process in workers) == [False, True]
    assert flag.exists(), "one worker was killed while it wrote a shard"
    assert made == expected
    assert not list(tmp_path.rglob("*.partial"))
