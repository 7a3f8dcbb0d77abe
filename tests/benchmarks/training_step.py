"""Compare the training step with Hugging Face's BERT in PyTorch, on the same machine.

usage: python -m tests.benchmarks.training_step [--vocab-sizes 8000 30522] [--dropouts 0.1 0]

Both sides compute in bfloat16 with float32 weights, score the masked positions alone, clip, and
update with AdamW. Their steps take turns, so that other load on the machine affects all equally;
the table has medians. Needs `make transformers`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.models.architecture import resolve_architecture
from trainer.report.figures import training_flops
from trainer.settings.model import ModelSettings

ROOT = Path(__file__).parents[2]
SHAPE = {"num_layers": 4, "hidden_size": 256, "num_heads": 4, "intermediate_size": 1024}
BATCH = {"batch_size": 32, "seq_length": 128, "max_predictions": 20}
PRODUCT_FLOPS = 2 * 2048**3
OURS = "Textmill"
WAKING = 2  # first steps of a turn, which are not timed
REST_SECONDS = 0.3  # OpenMP's threads wait busily for up to 0.2 s


class Worker:
    """A process that runs steps on request."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            list(command), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, form: str, count: int) -> list[float]:
        """Return the seconds of `count` steps, after the threads of other workers went to sleep."""
        time.sleep(REST_SECONDS)
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{form} {count}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise subprocess.CalledProcessError(self._process.wait(), self._process.args)
        seconds: list[float] = json.loads(line)
        return seconds

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@dataclass(frozen=True)
class Case:
    """A vocabulary and a dropout rate, and the seconds of each step of each form."""

    vocab_size: int
    dropout: float
    seconds: dict[str, list[float]]
    peak: float  # FLOP/s of bfloat16 matrix products, the better of both sides

    def rows(self) -> list[str]:
        """Return a row of the table for each form.

        The share of the peak counts the FLOPs that a side computes: ours leaves out the positions
        of the last layer that are not used. Tokens per second compare the sides in any case.
        """
        medians = {form: statistics.median(seconds) for form, seconds in self.seconds.items()}
        best = min((m for form, m in medians.items() if form != OURS), default=float("nan"))
        tokens = BATCH["batch_size"] * BATCH["seq_length"]
        lines = []
        for form, seconds in medians.items():
            computed = our_flops if form == OURS else model_flops
            share = computed(self.vocab_size) / seconds / self.peak
            of_model = model_flops(self.vocab_size) / seconds / self.peak
            lines.append(
                f"{self.vocab_size:>10,} {self.dropout:>7} {form:24} {seconds * 1e3:>8.1f} "
                f"{min(self.seconds[form]) * 1e3:>8.1f} {tokens / seconds:>9,.0f} {share:>8.0%} "
                f"{of_model:>9.0%} {best / seconds:>7.2f}"
            )
        return lines


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--vocab-sizes", type=int, nargs="+", default=[8000, 30522])
    parser.add_argument("--dropouts", type=float, nargs="+", default=[0.1, 0.0])
    parser.add_argument("--rounds", type=int, default=4, help="turns of each form")
    parser.add_argument("--steps", type=int, default=10, help="timed in each turn")
    parser.add_argument("--peer", default=str(ROOT / ".venv-transformers" / "bin" / "python"))
    parser.add_argument("--forms", nargs="*", help="of the peer; all, if it is left out")
    arguments = parser.parse_args()
    head = f"{'vocabulary':>10} {'dropout':>7} {'':24} {'ms/step':>8} {'fastest':>8}"
    sys.stdout.write(f"{head} {'tokens/s':>9} {'of peak':>8} {'as model':>9} {'x best':>7}\n")
    for vocab_size in arguments.vocab_sizes:
        for dropout in arguments.dropouts:
            case = measure(vocab_size, dropout, arguments)
            sys.stdout.write("\n".join(case.rows()) + "\n")
            sys.stdout.write(f"{'':18} peak {case.peak / 1e9:,.0f} GFLOP/s\n")
            sys.stdout.flush()


def measure(vocab_size: int, dropout: float, arguments: argparse.Namespace) -> Case:
    """One case: every form's steps in turns."""
    work = json.dumps({**SHAPE, **BATCH, "vocab_size": vocab_size, "dropout": dropout})
    forms = arguments.forms
    if forms is None:
        forms = ["eager", "compile", "eager+plain", "compile+plain"]
    script = str(Path(__file__).with_name("their_step.py"))
    us = Worker([sys.executable, "-m", "tests.benchmarks.our_step", work])
    them = Worker([arguments.peer, script, work, *forms])
    workers = {OURS: us, **dict.fromkeys(forms, them)}
    for form, worker in workers.items():
        worker.run(form, 3)
    times: dict[str, list[float]] = {form: [] for form in workers}
    peaks: list[float] = []
    for _ in range(arguments.rounds):
        for form, worker in workers.items():
            # The first ones wake the threads and bring back what others drove from the cache.
            times[form] += worker.run(form, WAKING + arguments.steps)[WAKING:]
        peaks += [min(worker.run("peak", 2)) for worker in (us, them)]
    us.close()
    them.close()
    return Case(vocab_size, dropout, times, PRODUCT_FLOPS / min(peaks))


def our_flops(vocab_size: int) -> float:
    """What our step computes, by its own figures."""
    settings: dict[str, Any] = {"type": "bert", **SHAPE}
    architecture = resolve_architecture(ModelSettings(**settings), vocab_size=vocab_size, pad_id=0)
    per_instance = training_flops(architecture, BATCH["seq_length"], BATCH["max_predictions"])
    return BATCH["batch_size"] * per_instance


def model_flops(vocab_size: int) -> float:
    """All positions through all layers, and a head on the masked ones."""
    h, length = SHAPE["hidden_size"], BATCH["seq_length"]
    layer = length * (4 * h * h + 2 * h * length + 2 * h * SHAPE["intermediate_size"])
    head = BATCH["max_predictions"] * h * (h + vocab_size)
    return 6.0 * BATCH["batch_size"] * (SHAPE["num_layers"] * layer + head)


if __name__ == "__main__":
    main()
