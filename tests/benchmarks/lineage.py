"""Measure `textmill lineage` on a store of many runs: `python -m tests.benchmarks.lineage FOLDER`.

The store is made once, in the given folder, through the API of ml_metadata (two minutes).
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

from tests.pipelines.lineage.mill import Mill


def make_store(folder: Path, runs: int) -> Path:
    """Make the store if it does not exist: each run trains, and every tenth changes the text."""
    path = folder / "metadata.sqlite"
    if not path.exists():
        mill = Mill(folder, files=False)
        for number in range(runs):
            text = [[f"Sentence {n} of version {number // 10}."] for n in range(3)]
            mill.run(documents=text, steps=number + 1, loss=6 - number / runs)
    return path


def main() -> None:
    """Print seconds and peak memory of each command, including its start."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=2000)
    arguments = parser.parse_args()
    folder = arguments.folder
    make_store(folder, arguments.runs)
    first, last = (
        run.name for run in (min((folder / "runs").iterdir()), max((folder / "runs").iterdir()))
    )
    where = ["list", "--where", "loss<5"]
    for words in (["list"], where, ["show", last], ["diff", first, last]):
        python = [sys.executable, "-m", "pipelines.cli"]
        command = [*python, "lineage", *words, "--workdir", str(folder)]
        started = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        spent = time.monotonic() - started
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        name = " ".join(words[:2]) if words == where else words[0]
        print(f"{name:<13} {spent:6.2f} s, at most {most} MB")


if __name__ == "__main__":
    main()
