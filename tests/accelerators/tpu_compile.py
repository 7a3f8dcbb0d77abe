"""Compile training steps for a TPU v5e that is not there, and check what the compiler reports.

Usage: python -m tests.accelerators.tpu_compile PYTHON SIZE

PYTHON has jax and libtpu (`make tpu-compile`). The program has to compute what Textmill counts, and
to fit into the chip's memory, as `textmill plan` predicts.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.accelerators.export_step import Step, export_hlo
from trainer.report.memory import predict_memory, rows_at_once
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings

COMPILE = Path(__file__).with_name("compile_for_tpu.py")
# libtpu would ask the machine's metadata service for minutes, and refuse a second process.
ENVIRONMENT = {"TPU_SKIP_MDS_QUERY": "1", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}
GIGA, MIB = 1e9, 2**20
CHIP_BYTES = 16 * 2**30  # v5e
MAX_EXTRA_FLOPS = 0.05  # of the program's matrix products, compared with Textmill's count
MAX_MEMORY_ERROR = 0.15  # of the prediction, compared with the compiler's peak
BATCHES = {"tiny": 64, "base": 128}
# Accumulation and length buckets are a loop and branches in the program.
FORMS: dict[str, dict[str, object]] = {
    "bert": {"accumulate_steps": 2, "length_buckets": [64]},
    "albert": {},
    "electra": {"accumulate_steps": 2},
}


def main(python: str, size: str) -> int:
    """Compile each model's step, print a table, and return the number of failures."""
    print(
        f"{'step':<42}{'ours GFLOP':>11}{'program':>9}{'compiler':>9}"
        f"{'peak MiB':>10}{'predicted':>10}{'s':>6}"
    )
    return sum(not report(python, step) for step in steps(size))


def steps(size: str) -> Iterator[Step]:
    """Yield the steps to compile."""
    for kind, form in FORMS.items():
        model = ModelSettings.model_validate({"type": kind, "size": size})
        trainer = {"global_batch_size": BATCHES[size], "precision": "bfloat16", **form}
        yield Step(model, TrainerSettings.model_validate(trainer))


def report(python: str, step: Step) -> bool:
    """Compile a step, print its row, and return whether it is as expected."""
    figures = compile_step(python, step)
    trainer = step.trainer
    ours, peak = step.flops(), figures["peak_memory_in_bytes"]
    predicted = predict_memory(
        step.architecture(),
        trainer,
        seq_length=step.length,
        slots=step.slots,
        rows=rows_at_once(trainer, 1),
    )
    name = f"{step.model.type}-{step.model.size} {trainer.global_batch_size} x {step.length}"
    name += f", {trainer.accumulate_steps} parts" if trainer.accumulate_steps > 1 else ""
    name += f", {trainer.length_buckets}" if trainer.length_buckets else ""
    print(
        f"{name:<42}{ours / GIGA:>11,.1f}{figures['product_flops'] / GIGA:>9,.1f}"
        f"{figures['flops'] / GIGA:>9,.1f}{peak / MIB:>10,.0f}{predicted / MIB:>10,.0f}"
        f"{figures['seconds']:>6,.0f}",
        flush=True,
    )
    return (
        abs(figures["product_flops"] / ours - 1) < MAX_EXTRA_FLOPS
        and abs(predicted / peak - 1) < MAX_MEMORY_ERROR
        and peak < CHIP_BYTES
    )


def compile_step(python: str, step: Step) -> dict[str, float]:
    """Return what the compiler reports about a step."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "step.hlo")
        file.write_bytes(export_hlo(step))
        done = subprocess.run(
            [python, str(COMPILE), str(file), str(step.trainer.accumulate_steps)],
            env={**os.environ, **ENVIRONMENT},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
