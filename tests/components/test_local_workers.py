"""Processes of this machine: all elements are processed, and none of the processes is left."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from components.local_workers import (
    PRELOADED,
    LostWorkerError,
    process_in_workers,
    reap_ended,
)
from core.errors import StoppedError, TextmillError
from core.full_disk import explaining_full_disk

LONG_SECONDS = 20.0


def note(element: tuple[str, int]) -> None:
    folder, number = element
    Path(folder, str(number)).write_text(f"{os.getpid()} {os.getppid()} {Path.cwd()}")


def fail(element: int) -> None:
    raise ValueError(f"no {element}")


def fill_disk(path: str) -> None:
    with explaining_full_disk(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lack_memory(_: str) -> None:
    raise MemoryError


def die(folder: str) -> None:
    note((folder, 0))
    os.kill(os.getpid(), signal.SIGKILL)


def hang(folder: str) -> None:
    note((folder, os.getpid()))
    time.sleep(LONG_SECONDS)


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that has ended may wait for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """Yield a stop signal and restore its handler after the test."""
    before = signal.getsignal(request.param)
    yield request.param
    signal.signal(request.param, before)


def test_each_element_is_processed_once_by_forks_of_one_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for call in ("a", "b"):
        (folder := tmp_path / call).mkdir()
        process_in_workers(note, [(str(folder), number) for number in range(9)], 3)
    notes = {path: path.read_text().split() for path in tmp_path.glob("*/*")}
    assert {path.name for path in notes} == {str(number) for number in range(9)}
    assert len(notes) == 18
    assert len({server for _, server, _ in notes.values()}) == 1
    assert {folder for _, _, folder in notes.values()} == {str(tmp_path)}


def test_workers_that_have_ended_do_not_stay(tmp_path: Path) -> None:
    process_in_workers(note, [(str(tmp_path), number) for number in range(2)], 2)
    before = [int(path.read_text().split()[0]) for path in tmp_path.iterdir()]
    deadline = time.monotonic() + LONG_SECONDS
    while any(map(is_running, before)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process_in_workers(note, [(str(tmp_path), 2)], 1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in before)


def test_the_exit_code_of_a_worker_that_failed_is_kept() -> None:
    programs = {code: f"raise SystemExit({code})" for code in (0, 3)}
    forks = {
        code: subprocess.Popen([sys.executable, "-c", program])
        for code, program in programs.items()
    }
    for process in forks.values():
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    left = {process.pid for process in forks.values()}
    reap_ended(left)
    assert left == {forks[3].pid}
    assert forks[3].wait() == 3


def test_an_error_of_the_function_ends_the_work_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"in fail\n(.*\n)+ValueError: no 1"):
        process_in_workers(fail, [1], 2)
    process_in_workers(note, [(str(tmp_path), 1)], 1)  # with a new server
    assert (tmp_path / "1").exists()


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (fill_disk, r"^\S+/a\.gz: cannot be written \(No space left .* Make room, or give"),
        (lack_memory, r"^Out of memory .* Set fewer beam\.workers"),
    ],
)
def test_an_error_that_textmill_can_explain_is_a_sentence(
    work: Callable[[str], None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(TextmillError, match=message) as caught:
        process_in_workers(work, [str(tmp_path / "a.gz")] * 2, 2)
    assert f"in {work.__name__}\n" in str(caught.value.__cause__)


def test_a_dead_worker_ends_the_work(tmp_path: Path) -> None:
    with pytest.raises(LostWorkerError, match=r"died \(exit code -9\)"):
        process_in_workers(die, [str(tmp_path)], 2)
    server = int((tmp_path / "0").read_text().split()[1])
    assert not is_running(server)


def test_a_stop_signal_ends_the_workers(number: signal.Signals, tmp_path: Path) -> None:
    def stop(number: int, _: FrameType | None) -> None:
        raise StoppedError(128 + number)

    def send(*_: object) -> None:
        if len(list(tmp_path.iterdir())) < 2:
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            os.kill(os.getpid(), number)

    signal.signal(number, stop)
    signal.signal(signal.SIGALRM, send)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    began = time.monotonic()
    with pytest.raises(StoppedError):
        process_in_workers(hang, [str(tmp_path)] * 4, 2)
    assert time.monotonic() - began < LONG_SECONDS
    assert not any(is_running(int(path.name)) for path in tmp_path.iterdir())


def test_nothing_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    program = (
        f"from {__name__} import hang; from components.local_workers import process_in_workers; "
        f"process_in_workers(hang, [{str(tmp_path)!r}] * 2, 2)"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + LONG_SECONDS
    while len(notes := list(tmp_path.iterdir())) < 2 or not all(n.read_text() for n in notes):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pids = {int(pid) for path in notes for pid in path.read_text().split()[:2]}
    process.kill()
    process.wait()
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_imported_before_the_forks_is_not_tensorflow_or_beam() -> None:
    """They would take five seconds and 450 MB."""
    program = "import sys, components.local_workers, " + ", ".join(PRELOADED)
    loaded = subprocess.run(
        [sys.executable, "-c", f"{program}; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = set(loaded.stdout.split())
    assert not {"apache_beam", "tensorflow", "tensorflow_data_validation", "tfx.types"} & names
