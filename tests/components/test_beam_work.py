"""Units of work on a cluster: results in order, and errors that say what to do."""

import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.local_job_service import LocalJobServicer
from distributed import Client, LocalCluster
from distributed.client import FutureCancelledError

from components import beam_work
from components.beam_work import EngineError, map_units
from components.tfx_internals.beam_flags import dask_beam_args, portable_beam_args
from components.unit_work import Result, Unit
from core.errors import InputError


def double(unit: Unit, *, refused: int) -> Result:
    if unit["value"] == refused:
        raise InputError(f"the value {refused} is refused")
    return {"doubled": 2 * unit["value"]}


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """Return a scheduler with one worker, as threads of this process."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        yield cluster


def run(scheduler: str, folder: Path, refused: int = -1) -> list[Result]:
    return run_with(dask_beam_args(scheduler), folder, functools.partial(double, refused=refused))


def run_with(flags: list[str], folder: Path, work: Callable[[Unit], Result]) -> list[Result]:
    options = beam.options.pipeline_options.PipelineOptions(flags)
    units = [{"value": value} for value in range(12)]
    return map_units(lambda: beam.Pipeline(options=options), work, units, str(folder), "Double")


def test_results_come_in_the_order_of_the_units(cluster: LocalCluster, tmp_path: Path) -> None:
    results = run(cluster.scheduler_address, tmp_path)
    assert results == [{"doubled": 2 * value} for value in range(12)]


def test_an_error_of_the_input_is_raised_as_such(cluster: LocalCluster, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the value 5 is refused"):
        run(cluster.scheduler_address, tmp_path, refused=5)


def test_workers_with_other_code_are_refused(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker is a thread of this process.
    monkeypatch.setattr(beam_work, "code_digest", lambda module: threading.current_thread().name)
    with pytest.raises(EngineError, match="have other code or libraries than this process"):
        run(cluster.scheduler_address, tmp_path)


@pytest.mark.parametrize(
    ("workers", "message"),
    [(0, "has no worker. Start some with `dask worker"), (None, "Cannot reach the Dask scheduler")],
)
def test_a_cluster_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int | None, message: str
) -> None:
    monkeypatch.setattr(beam_work, "DASK_TIMEOUT_SECONDS", 1)
    arguments: dict[str, Any] = {"processes": False, "dashboard_address": None, "protocol": "tcp"}
    with LocalCluster(n_workers=0, **arguments) as cluster:
        address = cluster.scheduler_address if workers == 0 else "tcp://127.0.0.1:1"
        with pytest.raises(EngineError, match=message):
            run(address, tmp_path)


def test_a_scheduler_that_ends_is_an_error(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather(*_: object) -> None:  # what Dask's does; closing a cluster without one takes 30 s
        raise FutureCancelledError("work-1", "scheduler-connection-lost")

    monkeypatch.setattr(Client, "gather", gather)
    with pytest.raises(EngineError, match="ended before its work did"):
        run(cluster.scheduler_address, tmp_path)


def test_many_units_share_files_of_results(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beam_work, "MAX_RESULTS", 5)
    results = run(cluster.scheduler_address, tmp_path)
    assert results == [{"doubled": 2 * value} for value in range(12)]
    assert len(list(tmp_path.iterdir())) == 4, "three units per file"


def test_a_job_server_that_fails_or_does_not_answer_is_an_error(tmp_path: Path) -> None:
    servicer = LocalJobServicer(str(tmp_path / "staged"))
    port = servicer.start_grpc_server(0)
    flags = portable_beam_args(f"localhost:{port}", "EXTERNAL:localhost:1")
    with pytest.raises(EngineError, match=r"Connection refused.*beam\.environment EXTERNAL"):
        run_with(flags, tmp_path / "a", functools.partial(double, refused=-1))
    servicer.stop()
    flags = [*portable_beam_args("localhost:1", "LOOPBACK"), "--job_server_timeout=1"]
    with pytest.raises(EngineError, match=r"localhost:1 did not finish .*\(it does not answer"):
        run_with(flags, tmp_path / "b", functools.partial(double, refused=-1))


def test_the_reason_is_one_sentence() -> None:
    trace = "failed in state FAILED: Traceback\n  File x\nOSError: no disk\n\n[while running]"
    assert beam_work._find_reason(trace) == "OSError: no disk"
    assert beam_work._find_reason("") == "it does not answer"
