"""Time the trainer's input: its speed alone, a step's wait for it, and how fast it resumes.

usage: python -m tests.benchmarks.training_input [--instances 40000] [--buckets 32 64 96]

The instances are real text of length 128 in 16 gzipped shards, read from the page cache.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from tests.benchmarks.our_step import Step
from tests.benchmarks.training_step import BATCH, SHAPE
from tests.trainer.real_instances import write_instances
from trainer.input.batches import training_batches
from trainer.input.instances import Instances, open_instances
from trainer.settings.masking import MaskingSettings

SHARDS = 16
FAR_STEP = 1_000_000
ROUNDS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--instances", type=int, default=40_000)
    parser.add_argument("--buckets", type=int, nargs="+", default=[32, 64, 96])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        head = f"{'form':8} {'buckets':>8} {'batch':>6} {'instances/s':>12} {'fastest':>9}"
        sys.stdout.write(f"{head} {'resume s':>9}\n")
        for form in ("static", "dynamic"):
            target = Path(folder) / form
            count = arguments.instances
            write_instances(target, form, length=128, instances=count, shards=SHARDS)
            instances = open_instances(str(target))
            for buckets in ([], arguments.buckets):
                for batch_size in (32, 256):
                    sys.stdout.write(f"{form:8} {_row(instances, buckets, batch_size)}\n")
                    sys.stdout.flush()
        sys.stdout.write(_waiting(instances))


def _row(instances: Instances, buckets: Sequence[int], batch_size: int) -> str:
    rates = _rates(instances, buckets, batch_size)
    start = time.perf_counter()
    next(iter(_batches(instances, buckets, batch_size, FAR_STEP)))
    resume = time.perf_counter() - start
    return (
        f"{'yes' if buckets else 'no':>8} {batch_size:>6} {statistics.median(rates):>12,.0f} "
        f"{max(rates):>9,.0f} {resume:>9.2f}"
    )


def _rates(instances: Instances, buckets: Sequence[int], batch_size: int) -> list[float]:
    """Return instances per second of each round, after one round that fills the buffers."""
    batches = iter(_batches(instances, buckets, batch_size, 0))
    each = instances.size("train") // batch_size // ROUNDS
    rates = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        for _ in range(each):
            next(batches)
        rates.append(each * batch_size / (time.perf_counter() - start))
    return rates[1:]


def _waiting(instances: Instances) -> str:
    """Report how long a step waits for its batch, which is made during the step before."""
    work = {**SHAPE, **BATCH, "vocab_size": 8000, "dropout": 0.1}
    step = Step(work)
    batches = iter(_batches(instances, [], BATCH["batch_size"], 0))
    waits, steps = [], []
    for _ in range(30):
        start = time.perf_counter()
        next(batches)
        waits.append(time.perf_counter() - start)
        steps.append(step())
    wait, busy = statistics.median(waits[5:]), statistics.median(steps[5:])
    consumed = BATCH["batch_size"] / busy
    return (
        f"A step takes {busy * 1e3:.0f} ms ({consumed:,.0f} instances/s) and waits "
        f"{wait * 1e3:.2f} ms for its batch: {wait / (wait + busy):.1%}.\n"
    )


def _batches(
    instances: Instances, buckets: Sequence[int], batch_size: int, first_step: int
) -> tf.data.Dataset:
    return training_batches(
        instances,
        MaskingSettings(),
        batch_size=batch_size,
        seed=1,
        first_step=first_step,
        length_buckets=buckets,
    ).prefetch(2)


if __name__ == "__main__":
    main()
