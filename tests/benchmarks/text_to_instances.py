"""Measure `textmill run` from text to validated instances: time and peak memory by node.

    python -m tests.benchmarks.text_to_instances --megabytes 70 280 --peer PEER/bin/python

PEER is the environment that `tests.benchmarks.instance_gen` describes. Its script makes instances
of two small parts of the same text, with our vocabulary; the line through both says what it would
need for all of it. The text is a file in BERT's form (--text) or the docstrings of installed
packages, and, as far as that does not suffice, documents made of halves of two others. Seconds
depend on what else the machine does; compare CPU seconds, or figures of one run.
"""

import argparse
import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy

from tests.benchmarks.instance_gen import DUPE_FACTOR, QUIET, SEQ_LENGTH, run_peer, whole_documents
from tests.benchmarks.measured_process import Measured, run_measured
from tests.benchmarks.real_text import write_docstrings

SETTINGS = (
    "vocabulary.size=30000", f"instances.seq_length={SEQ_LENGTH}", "instances.form=static",
    f"instances.dupe_factor={DUPE_FACTOR}", "text.eval_fraction=0.01",
)  # fmt: skip
PEER_SIZES = (0.5, 1.0)  # of --peer-megabytes


def main() -> None:
    """Measure each size and the peer, and print a table each."""
    arguments = _arguments()
    work = Path(arguments.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    base = Path(arguments.text or work / "base.txt")
    if not arguments.text:
        size = int(max(arguments.megabytes) * 1e6)
        write_docstrings(Path(numpy.__file__).parents[1], base, size)
    for megabytes in arguments.megabytes:
        text = work / "text.txt"
        write_text(base, text, int(megabytes * 1e6))
        ours = _run(text, work / "run", arguments)
        peer = _measure_peer(arguments, text, work) if arguments.peer else []
        sys.stdout.write(_table(text.stat().st_size / 1e6, ours, peer))
        sys.stdout.flush()
        shutil.rmtree(work / "run")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", default="/tmp/textmill-benchmark")  # noqa: S108
    parser.add_argument("--text", help="text file with one sentence per line")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[10])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to-node", default="InstanceValidator")
    parser.add_argument("--set", action="append", default=[], help="further settings")
    parser.add_argument("--peer", help="Python of the peer's environment")
    parser.add_argument("--peer-megabytes", type=float, default=2.0)
    return parser.parse_args()


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


def _run(text: Path, workdir: Path, arguments: argparse.Namespace) -> Measured:
    """Run the pipeline, with a part for each node."""
    command = [sys.executable, "-m", "pipelines.cli", "run", "bert-mini", "--text", str(text)]
    command += ["--workdir", str(workdir), "--to-node", arguments.to_node]
    for setting in (*SETTINGS, f"beam.workers={arguments.workers}", *arguments.set):
        command += ["--set", setting]
    return run_measured(command, QUIET, lambda: _newest_node(workdir))


def _newest_node(workdir: Path) -> str:
    """Return the node that made its folder of artifacts last."""
    folders = workdir.glob("artifacts/*/*")
    return max(folders, key=lambda folder: folder.stat().st_ctime_ns, default=Path("start")).name


def _measure_peer(
    arguments: argparse.Namespace, text: Path, work: Path
) -> list[tuple[float, Measured]]:
    """Run the peer on two parts of the text; return the size of each in MB, and what it took."""
    (vocabulary,) = (work / "run").glob("**/VocabularyGen/vocabulary/*")
    part, measured = work / "peer.txt", []
    for share in PEER_SIZES:
        size = int(arguments.peer_megabytes * share * 1e6)
        part.write_bytes(whole_documents(text.read_bytes(), size))
        result = run_peer(arguments.peer, part, str(vocabulary), work / "peer.tfrecord")
        measured.append((part.stat().st_size / 1e6, result))
    return measured


def _table(megabytes: float, ours: Measured, peer: list[tuple[float, Measured]]) -> str:
    """Return the lines of one size: each node, the whole, and the peer."""
    lines = [
        f"{f'{megabytes:.1f} MB of text':28} {'s':>8} {'CPU s':>8} {'of CPU':>7} {'peak MB':>8}"
    ]
    for name, part in ours.parts.items():
        share = part.cpu_seconds / ours.cpu_seconds
        lines.append(
            f"  {name:26} {'':8} {part.cpu_seconds:8.1f} {share:7.1%} {part.peak_mb:8,.0f}"
        )
    lines.append(_line("whole command", ours))
    for size, measured in peer:
        lines.append(_line(f"peer, {size:.1f} MB", measured))
    if peer:
        (small, first), (large, second) = peer
        beyond = (megabytes - small) / (large - small)
        seconds = first.seconds + beyond * (second.seconds - first.seconds)
        cpu = first.cpu_seconds + beyond * (second.cpu_seconds - first.cpu_seconds)
        lines.append(f"  {'peer, all, by both':26} {seconds:8.1f} {cpu:8.1f}")
        ratios = f"{seconds / ours.seconds:8.1f} {cpu / ours.cpu_seconds:8.1f}"
        lines.append(f"  {'times as fast':26} {ratios}")
    return "\n".join(lines) + "\n"


def _line(name: str, measured: Measured) -> str:
    seconds = f"{measured.seconds:8.1f} {measured.cpu_seconds:8.1f}"
    return f"  {name:26} {seconds} {'':7} {measured.peak_mb:8,.0f}"


if __name__ == "__main__":
    main()
