"""Export the training step of one replica as a program for XLA."""

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from trainer.loop.state import State
from trainer.loop.step import ReplicaStep
from trainer.models.architecture import Architecture, resolve_architecture
from trainer.models.kernels.compilation import Compilation, compiled
from trainer.models.parameters import first_values, make_variables
from trainer.objectives.choose import make_objective
from trainer.optimizers.adamw import Optimizer
from trainer.report.figures import training_flops
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings

VOCABULARY = 30_522  # of bert-base-uncased
MASK_RATE = 0.15
PAIRS = {"bert": "next_sentence", "albert": "sentence_order", "electra": None}


@dataclass(frozen=True)
class Step:
    """A training step: how large it is, and how it is computed."""

    model: ModelSettings
    trainer: TrainerSettings
    length: int = 128

    @property
    def slots(self) -> int:
        """Return the number of masked tokens per instance."""
        return math.ceil(MASK_RATE * self.length)

    def architecture(self) -> Architecture:
        """Return the model's sizes."""
        return resolve_architecture(self.model, vocab_size=VOCABULARY, pad_id=0)

    def flops(self) -> float:
        """Return Textmill's own count of a step."""
        per_instance = training_flops(self.architecture(), self.length, self.slots)
        return self.trainer.global_batch_size * per_instance


def export_hlo(step: Step) -> bytes:
    """Return the step as a serialized HLO module: parameters are the batch, step and variables."""
    pair = PAIRS[step.model.type]
    objective = make_objective(step.architecture(), pair, step.model.electra)
    parameters = objective.model.parameters()
    values = first_values(parameters, deviation=0.02, seed=1)
    variables = make_variables(values)
    updates = tf.Variable(0, dtype=tf.int64, trainable=False)
    state = State(variables, Optimizer(variables, step.trainer), updates)
    replica_step = ReplicaStep(step.trainer, objective, state, seed=1)
    program = tf.function(replica_step.run_inside, jit_compile=True, autograph=False)
    with compiled(Compilation.INSIDE):
        export = program.experimental_get_compiler_ir(make_batch(step), tf.constant(0, tf.int64))
    return bytes(export(stage="hlo_serialized"))


def make_batch(step: Step) -> dict[str, tf.Tensor]:
    """Return a batch of random tokens without padding."""
    rng = np.random.default_rng(1)
    size, length, slots = step.trainer.global_batch_size, step.length, step.slots
    batch = {
        "input_ids": rng.integers(5, VOCABULARY, (size, length), np.int32),
        "input_mask": np.ones((size, length), np.int32),
        "segment_ids": np.repeat([[0] * (length // 2) + [1] * (length - length // 2)], size, 0),
        "masked_lm_positions": np.repeat([np.arange(1, slots + 1)], size, 0),
        "masked_lm_ids": rng.integers(5, VOCABULARY, (size, slots), np.int32),
        "masked_lm_weights": np.ones((size, slots), np.float32),
    }
    if pair := PAIRS[step.model.type]:
        batch[f"{pair}_labels"] = rng.integers(0, 2, size, np.int32)
    return {
        name: tf.constant(value, tf.float32 if name.endswith("weights") else tf.int32)
        for name, value in batch.items()
    }
