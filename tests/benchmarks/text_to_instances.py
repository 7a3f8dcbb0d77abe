"""Measure `textmill run` from text to validated instances, node by node, and its peak memory.

    python -m tests.benchmarks.text_to_instances --megabytes 70 280

The text is the docstrings of installed packages, and, as far as they do not suffice, documents made
of halves of two of them. Compare figures of one run: seconds depend on what else the machine does.
"""

import argparse
import itertools
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy

from tests.benchmarks.measured_process import Measured, run_measured
from tests.benchmarks.real_text import write_docstrings

SETTINGS = (
    "vocabulary.size=30000", "instances.form=static", "instances.dupe_factor=10",
    "text.eval_fraction=0.01",
)  # fmt: skip
QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}


def main() -> None:
    """Measure each size, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", default="/tmp/textmill-benchmark")  # noqa: S108
    parser.add_argument("--megabytes", type=float, nargs="+", default=[70])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to-node", default="InstanceValidator")
    arguments = parser.parse_args()
    work = Path(arguments.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    base = work / "base.txt"
    write_docstrings(Path(numpy.__file__).parents[1], base, int(max(arguments.megabytes) * 1e6))
    for megabytes in arguments.megabytes:
        text = work / "text.txt"
        write_text(base, text, int(megabytes * 1e6))
        measured, nodes = run(text, work / "run", arguments.workers, arguments.to_node)
        sys.stdout.write(table(text.stat().st_size / 1e6, measured, nodes))
        shutil.rmtree(work / "run")


def write_text(base: Path, target: Path, size_bytes: int) -> None:
    """Write the documents, then new ones: halves of documents that are ever farther apart."""
    documents = [block.split("\n") for block in base.read_text("utf-8").strip().split("\n\n")]
    written = 0
    with target.open("w", encoding="utf-8") as stream:
        for document in _documents(documents):
            if written >= size_bytes:
                return
            written += len(block := ("\n".join(document) + "\n\n").encode())
            stream.write(block.decode())


def _documents(documents: list[list[str]]) -> Iterator[list[str]]:
    yield from documents
    for distance in itertools.count(1):
        for place, document in enumerate(documents):
            other = documents[(place + distance) % len(documents)]
            yield [*document[: len(document) // 2], *other[len(other) // 2 :]]


def run(text: Path, workdir: Path, workers: int, to_node: str) -> tuple[Measured, dict[str, Any]]:
    """Run the pipeline; return what it took, and the seconds of each node."""
    command = [sys.executable, "-m", "pipelines.cli", "run", "bert-mini", "--text", str(text)]
    command += ["--workdir", str(workdir), "--to-node", to_node]
    for setting in (*SETTINGS, f"beam.workers={workers}"):
        command += ["--set", setting]
    measured = run_measured(command, QUIET)
    (summary,) = workdir.glob("runs/*/summary.json")
    nodes = json.loads(summary.read_text())["nodes"]
    return measured, {node["node"]: node["seconds"] for node in nodes}


def table(megabytes: float, measured: Measured, nodes: dict[str, float]) -> str:
    """Return the lines of one size: each node's seconds and share, and the whole."""
    total = sum(nodes.values())
    lines = [f"{megabytes:.1f} MB of text"]
    lines += [f"  {name:20} {s:7.1f} s {s / total:7.1%}" for name, s in nodes.items()]
    rate = megabytes / measured.seconds
    lines.append(
        f"  {'whole command':20} {measured.seconds:7.1f} s {rate:7.2f} MB/s, "
        f"peak {measured.peak_mb:,.0f} MB"
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
