"""Time training steps on made-up instances and print tokens per second: for `trainer.budget`.

usage: python -m trainer.measure_rate WORK

WORK is a JSON object of settings, architecture, objective, seq_length and slots.
"""

import json
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.devices.strategy import select_strategy, set_matmul_precision
from trainer.input.distribute import distribute_batches
from trainer.input.instances import PAIRS
from trainer.loop.state import start_state
from trainer.loop.step import make_train_steps
from trainer.models.architecture import Architecture
from trainer.objectives.choose import make_objective
from trainer.settings.training import TrainingSettings

SECONDS = 10.0  # that are timed at least


def measure_rate(work: dict[str, Any], seconds: float = SECONDS) -> float:
    """Return the tokens per second of training steps, padding included."""
    settings = TrainingSettings.model_validate_json(json.dumps(work["settings"]))
    set_matmul_precision(settings.trainer.precision)
    strategy = select_strategy(settings.trainer.device).strategy
    pair = work["objective"] if work["objective"] in PAIRS else None
    architecture = Architecture(**work["architecture"])
    objective = make_objective(architecture, pair, settings.model.electra)
    with strategy.scope():
        state = start_state(settings, objective)
    size, length = settings.trainer.global_batch_size, work["seq_length"]
    batch = _make_batch(architecture, pair, size, length, work["slots"])
    dataset = tf.data.Dataset.from_tensors(batch).repeat()
    iterator = iter(distribute_batches(strategy, lambda *_: dataset, size))
    train_steps = make_train_steps(settings.trainer, strategy, objective, state, seed=0)

    def run(count: int) -> float:
        start = time.perf_counter()
        train_steps(iterator, tf.constant(count))[1].numpy()
        return time.perf_counter() - start

    run(1)  # compiles
    count = max(1, min(settings.trainer.steps_per_loop, int(seconds / run(1))))
    spent, done = 0.0, 0
    while spent < seconds:
        spent, done = spent + run(count), done + count
    return size * length * done / spent


def _make_batch(
    a: Architecture, pair: str | None, size: int, length: int, slots: int
) -> dict[str, np.ndarray]:
    """Return whole instances of random tokens; the values do not change the time."""
    rng = np.random.default_rng(0)
    batch = {
        "input_ids": rng.integers(0, a.vocab_size, (size, length)),
        "input_mask": np.ones((size, length)),
        "segment_ids": np.zeros((size, length)),
        "masked_lm_positions": np.tile(np.arange(slots), (size, 1)),
        "masked_lm_ids": rng.integers(0, a.vocab_size, (size, slots)),
    }
    if pair:
        batch[f"{pair}_labels"] = np.zeros(size)
    ids = {name: value.astype(np.int32) for name, value in batch.items()}
    return {**ids, "masked_lm_weights": np.ones((size, slots), np.float32)}


if __name__ == "__main__":
    print(measure_rate(json.loads(sys.argv[1])))
