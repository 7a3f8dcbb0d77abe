"""Compare the training step with Hugging Face's BERT in PyTorch on an NVIDIA GPU.

Usage: python -m tests.accelerators.gpu_bench PYTHON_WITH_JAX PYTHON_WITH_TORCH

BERT-base, length 128, batch 256, bfloat16. Ours is the exported program, compiled and run by jax.
Theirs is `BertForPreTraining` with SDPA, eager and under `torch.compile`. Their steps take turns;
the table has medians.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.accelerators.export_step import VOCABULARY, Step, export_hlo, make_batch
from tests.benchmarks.training_step import OURS, Worker
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings

HERE = Path(__file__).parent
THEIRS = HERE.parent / "benchmarks" / "their_step.py"
PROGRAM = HERE / "time_program.py"
FORMS = ("eager", "compile")
ROUNDS, STEPS, WARM_UP = 5, 10, 3
PEAK_FLOPS = 2 * 8192**3  # of the product that `time_program.py` measures


def main(
    jax_python: str,
    torch_python: str,
    size: str = "base",
    batch_size: str = "256",
    device: str = "cuda",
) -> None:
    """Measure and print a table."""
    step = Step(
        ModelSettings.model_validate({"type": "bert", "size": size}),
        TrainerSettings(global_batch_size=int(batch_size), precision="bfloat16"),
    )
    with tempfile.TemporaryDirectory() as folder:
        file, batch = Path(folder, "step.hlo"), Path(folder, "batch.npz")
        file.write_bytes(export_hlo(step))
        np.savez(batch, **{name: value.numpy() for name, value in make_batch(step).items()})
        ours = Worker([jax_python, str(PROGRAM), str(file), str(batch)])
        theirs = Worker([torch_python, str(THEIRS), describe(step, device), *FORMS])
        workers = {OURS: ours, **dict.fromkeys(FORMS, theirs)}
        for form, worker in workers.items():
            worker.run(form, WARM_UP)
        seconds: dict[str, list[float]] = {form: [] for form in workers}
        for _ in range(ROUNDS):
            for form, worker in workers.items():
                seconds[form] += worker.run(form, STEPS)
        peak = PEAK_FLOPS / min(ours.run("peak", ROUNDS))
        ours.close()
        theirs.close()
    report(step, {form: statistics.median(times) for form, times in seconds.items()}, peak)


def describe(step: Step, device: str) -> str:
    """Return the work as `their_step.py` reads it."""
    a, dropout = step.architecture(), step.model.hidden_dropout
    shape = {
        name: getattr(a, name)
        for name in ("num_layers", "hidden_size", "num_heads", "intermediate_size")
    }
    sizes = {"seq_length": step.length, "max_predictions": step.slots, "vocab_size": VOCABULARY}
    batch = {"batch_size": step.trainer.global_batch_size, "dropout": dropout, "device": device}
    return json.dumps({**shape, **sizes, **batch})


def report(step: Step, medians: dict[str, float], peak: float) -> None:
    """Print the table: milliseconds, tokens per second, share of the peak, and the ratio."""
    best = min(seconds for form, seconds in medians.items() if form != OURS)
    tokens = step.trainer.global_batch_size * step.length
    print(f"{'':12}{'ms/step':>9}{'tokens/s':>12}{'of peak':>9}{'x best':>8}")
    for form, seconds in medians.items():
        share = step.flops() / seconds / peak
        print(
            f"{form:<12}{seconds * 1e3:>9.1f}{tokens / seconds:>12,.0f}{share:>9.0%}"
            f"{best / seconds:>8.2f}"
        )
    print(f"peak of bfloat16 products: {peak / 1e12:,.0f} TFLOP/s")


if __name__ == "__main__":
    main(*sys.argv[1:])
