"""A test worker that has grown ends after its file, and every test still runs once."""

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[1]
PLUGIN = "import tests.worker_memory as plugin\nplugin.MAX_WORKER_BYTES = {limit}\n"
FILE = """
import os, pathlib, pytest, time
KEPT = []
time.sleep({{"gw2": 0.2, "gw3": 1}}.get(os.environ["PYTEST_XDIST_WORKER"], 0))

@pytest.mark.parametrize("number", range(3))
def test_of_a_file(number):
    KEPT.append(bytearray(os.urandom(1)) * 30_000_000)
    with pathlib.Path("pids").open("a") as pids:
        print("{name}", os.getpid(), file=pids)
"""


def test_a_worker_over_the_limit_is_replaced_and_one_below_it_is_kept(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / f"test_{name}.py").write_text(FILE.format(name=name))
    assert len(workers(tmp_path, limit=90_000_000)) == 4
    assert len(workers(tmp_path, limit=1_000_000_000)) == 1


def test_two_workers_may_be_replaced_at_once(tmp_path: Path) -> None:
    for name in "abcd":  # gw3, which is new, still collects when gw2 is ready
        (tmp_path / f"test_{name}.py").write_text(FILE.format(name=name))
    assert len(workers(tmp_path, limit=90_000_000, number=2)) == 4


def workers(folder: Path, limit: int, number: int = 1) -> set[str]:
    """Run the tests in some workers; return the processes that ran them."""
    (folder / "pids").unlink(missing_ok=True)
    (folder / "limited.py").write_text(PLUGIN.format(limit=limit))
    command = [sys.executable, "-m", "pytest", "-p", "limited", "-p", "tests.worker_memory"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--numprocesses", str(number), "--dist", "loadfile"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{TOP}:{folder}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "12 passed" in done.stdout, done.stdout + done.stderr
    ran = [line.split() for line in (folder / "pids").read_text().splitlines()]
    assert len(ran) == 12
    assert all(len({pid for name, pid in ran if name == file}) == 1 for file in "abcd")
    return {pid for _, pid in ran}
