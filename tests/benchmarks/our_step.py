"""Time Textmill's training step in a process of its own, for the benchmark.

usage: python -m tests.benchmarks.our_step WORK

For each line `FORM COUNT` on stdin, prints the seconds of COUNT steps, like `their_step.py`.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.loop.state import start_state
from trainer.loop.step import make_train_steps
from trainer.models.architecture import resolve_architecture
from trainer.objectives.choose import make_objective
from trainer.objectives.objective import Objective
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ElectraSettings, ModelSettings
from trainer.settings.training import TrainerSettings, TrainingSettings


def main(work_text: str) -> None:
    """Make the step, then time it for each line on stdin."""
    work = json.loads(work_text)
    step = Step(work)
    for line in sys.stdin:
        form, count = line.split()
        run = matrix_product if form == "peak" else step
        print(json.dumps([run() for _ in range(int(count))]), flush=True)


class Step:
    """One update of a model with its optimizer, on batches of random ids."""

    def __init__(self, work: dict[str, Any]) -> None:
        settings = _settings(work)
        strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
        objective = _objective(settings, work["vocab_size"])
        with strategy.scope():
            state = start_state(settings, objective)
        self._train_steps = make_train_steps(
            settings.trainer, strategy, objective, state, seed=settings.seed
        )
        batches = tf.data.Dataset.from_tensors(_batch(work)).cache().repeat().prefetch(2)
        self._batches: Iterator[Any] = iter(strategy.experimental_distribute_dataset(batches))

    def __call__(self) -> float:
        """Return the seconds of one update."""
        start = time.perf_counter()
        sums, _ = self._train_steps(self._batches, tf.constant(1))
        float(sums["masked_lm_loss"].numerator)
        return time.perf_counter() - start


def matrix_product() -> float:
    """Return the seconds of a bfloat16 product of two square matrices of 2048."""
    a = tf.cast(tf.random.normal([2048, 2048]), tf.bfloat16)
    b = tf.cast(tf.random.normal([2048, 2048]), tf.bfloat16)
    start = time.perf_counter()
    for _ in range(4):
        tf.matmul(a, b).numpy()[0, 0]
    return (time.perf_counter() - start) / 4


def _settings(work: dict[str, Any]) -> TrainingSettings:
    shape = {name: work[name] for name in ("num_layers", "hidden_size", "num_heads")}
    dropout = {"hidden_dropout": work["dropout"], "attention_dropout": work["dropout"]}
    return TrainingSettings(
        model=ModelSettings(
            type="bert", **shape, **dropout, intermediate_size=work["intermediate_size"]
        ),
        masking=MaskingSettings(),
        trainer=TrainerSettings(
            global_batch_size=work["batch_size"], precision="bfloat16", device="cpu"
        ),
        seed=1,
        checkpoint_root="",
        code_digest="",
    )


def _objective(settings: TrainingSettings, vocab_size: int) -> Objective:
    architecture = resolve_architecture(settings.model, vocab_size=vocab_size, pad_id=0)
    return make_objective(architecture, "next_sentence", ElectraSettings())


def _batch(work: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return random ids; the values do not change the time."""
    rows, length, slots = work["batch_size"], work["seq_length"], work["max_predictions"]
    rng = np.random.default_rng(1)

    def ids(high: int, *shape: int) -> np.ndarray:
        return rng.integers(0, high, shape).astype(np.int32)

    positions = np.stack([rng.permutation(length)[:slots] for _ in range(rows)])
    return {
        "input_ids": ids(work["vocab_size"], rows, length),
        "input_mask": np.ones((rows, length), np.int32),
        "segment_ids": ids(2, rows, length),
        "masked_lm_positions": positions.astype(np.int32),
        "masked_lm_ids": ids(work["vocab_size"], rows, slots),
        "masked_lm_weights": np.ones((rows, slots), np.float32),
        "next_sentence_labels": ids(2, rows),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
