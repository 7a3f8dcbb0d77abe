"""Compare InstanceGen with TF Model Garden's create_pretraining_data on the same text.

    python -m tests.benchmarks.instance_gen --peer PEER/bin/python

PEER is a separate environment with `tensorflow==2.16.2 sentencepiece`, and with
`tf-models-official==2.16.0 tf-keras==2.16.0` installed without their dependencies. The text is
the docstrings of installed packages, a file in BERT's form (--text), or HTML pages (--html).
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from tests.benchmarks.measured_process import Measured, run_measured
from tests.benchmarks.real_text import write_docstrings, write_html

SEQ_LENGTH, MAX_PREDICTIONS, DUPE_FACTOR = 128, 20, 10
PEER = "official.nlp.data.create_pretraining_data"
QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    name: str
    text_mb: float
    instances: int
    seconds: float  # of work, after all processes have started
    whole: Measured


def main() -> None:
    """Measure, and print the table."""
    arguments = _arguments()
    work = Path(arguments.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    text = _text(arguments, work)
    documents, vocabulary = _prepare(text, work, arguments)
    lines = list(_ours(arguments, text, documents, vocabulary, work))
    if arguments.peer:
        lines.append(_peer(arguments, text, vocabulary, work))
    sys.stdout.write(_table(lines))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", default="/tmp/textmill-benchmark")  # noqa: S108
    parser.add_argument("--text", help="text file with one sentence per line")
    parser.add_argument("--html", help="folder of HTML pages")
    parser.add_argument("--megabytes", type=float, default=30)
    parser.add_argument("--vocabulary-size", type=int, default=30_000)
    parser.add_argument(
        "--cased",
        action="store_true",
        help="keep case; needed for Korean, which the peer otherwise splits",
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--peer", help="Python of the peer's environment")
    parser.add_argument(
        "--peer-megabytes", type=float, help="size of the text for the peer; default: all"
    )
    return parser.parse_args()


def _text(arguments: argparse.Namespace, work: Path) -> Path:
    target, size = work / "text.txt", int(arguments.megabytes * 1e6)
    if arguments.text:
        target.write_bytes(whole_documents(Path(arguments.text).read_bytes(), size))
    elif arguments.html:
        write_html(Path(arguments.html), target, size)
    else:
        write_docstrings(Path(numpy.__file__).parents[1], target, size)
    return target


def whole_documents(text: bytes, size: int) -> bytes:
    return text[: text.find(b"\n\n", min(size, len(text)) - 1) + 2] if size < len(text) else text


def _prepare(text: Path, work: Path, arguments: argparse.Namespace) -> tuple[str, str]:
    """Make documents and a vocabulary with the pipeline."""
    command = [sys.executable, "-m", "pipelines.cli", "run", "bert-mini", "--text", str(text)]
    command += ["--workdir", str(work / "run"), "--to-node", "VocabularyGen"]
    command += ["--set", f"vocabulary.size={arguments.vocabulary_size}"]
    command += ["--set", f"vocabulary.lowercase={not arguments.cased}"]
    command += ["--set", "text.eval_fraction=0.01"]
    run_measured(command, QUIET)
    (documents,) = (work / "run").glob("**/TextExampleGen/examples/*")
    (vocabulary,) = (work / "run").glob("**/VocabularyGen/vocabulary/*")
    return str(documents), str(vocabulary)


def _ours(
    arguments: argparse.Namespace, text: Path, documents: str, vocabulary: str, work: Path
) -> Iterator[Line]:
    size = text.stat().st_size / 1e6
    for form, unit in (("static", "token"), ("static", "ngram"), ("dynamic", "token")):
        for workers in arguments.workers if unit == "token" else arguments.workers[:1]:
            instances = {"form": form, "seq_length": SEQ_LENGTH, "dupe_factor": DUPE_FACTOR}
            target = work / f"ours-{form}-{unit}-{workers}"
            command = [sys.executable, "-m", "tests.benchmarks.run_instance_gen"]
            command += [documents, vocabulary, str(target), "--workers", str(workers)]
            command += [
                "--instances",
                json.dumps(instances),
                "--masking",
                json.dumps({"unit": unit}),
            ]
            whole = run_measured(command, QUIET)
            result: dict[str, Any] = json.loads(whole.output.splitlines()[-1])
            count = result["counts"]["instances"]
            name = f"ours, {form}, {unit}, {workers} worker{'s' * (workers > 1)}"
            yield Line(name, size, count, result["working_seconds"], whole)
            shutil.rmtree(target)


def _peer(arguments: argparse.Namespace, text: Path, vocabulary: str, work: Path) -> Line:
    """Run the peer on the text, and once on a few lines to measure its start-up."""
    part, tiny = work / "peer.txt", work / "tiny.txt"
    size = int((arguments.peer_megabytes or arguments.megabytes) * 1e6)
    part.write_bytes(whole_documents(text.read_bytes(), size))
    tiny.write_bytes(whole_documents(text.read_bytes(), 2000))
    target = work / "peer.tfrecord"
    start, whole = (
        run_peer(arguments.peer, path, vocabulary, target, lowercase=not arguments.cased)
        for path in (tiny, part)
    )
    count = _count_records(target)
    seconds = whole.seconds - start.seconds
    return Line("Model Garden, 1 process", part.stat().st_size / 1e6, count, seconds, whole)


def run_peer(
    python: str, text: Path, vocabulary: str, target: Path, *, lowercase: bool = True
) -> Measured:
    """Make instances of a text with the Model Garden's script, and the vocabulary of a folder."""
    flags = {
        "input_file": text,
        "output_file": target,
        "vocab_file": Path(vocabulary) / "vocab.txt",
        "do_lower_case": lowercase,
        "max_seq_length": SEQ_LENGTH,
        "max_predictions_per_seq": MAX_PREDICTIONS,
        "verbosity": -1,  # warnings only; it prints its first instances
        "dupe_factor": DUPE_FACTOR,
    }
    command = [python, "-m", PEER, *(f"--{name}={value}" for name, value in flags.items())]
    return run_measured(command, QUIET)


def _count_records(path: Path) -> int:
    """Count the records of an uncompressed TFRecord file by their lengths."""
    count, size = 0, path.stat().st_size
    with path.open("rb") as stream:
        while stream.tell() < size:
            length = int.from_bytes(stream.read(8), "little")
            stream.seek(length + 8, os.SEEK_CUR)
            count += 1
    return count


def _table(lines: list[Line]) -> str:
    head = f"{'':36} {'text MB':>8} {'instances':>10} {'seconds':>8} {'inst/s':>8} {'MB/s':>6}"
    rows = [f"{head} {'whole s':>8} {'peak MB':>8} {'x peer':>7} {'x whole':>8}"]
    peer = lines[-1] if "Garden" in lines[-1].name else None
    for line in lines:
        rate, whole_rate = line.instances / line.seconds, line.instances / line.whole.seconds
        row = f"{line.name:36} {line.text_mb:8.1f} {line.instances:10,} {line.seconds:8.1f}"
        row += f" {rate:8,.0f} {line.text_mb / line.seconds:6.2f}"
        row += f" {line.whole.seconds:8.1f} {line.whole.peak_mb:8,.0f}"
        if peer:
            times = rate / (peer.instances / peer.seconds)
            whole_times = whole_rate / (peer.instances / peer.whole.seconds)
            row += f" {times:7.1f} {whole_times:8.1f}"
        rows.append(row)
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
