"""Fine-tune encoders on a labeled task with the trainer's own loop, and predict its labels."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from core.draw import draw
from trainer.devices.strategy import select_strategy
from trainer.downstream.examples import Encoded
from trainer.huggingface.weights import Values
from trainer.input.distribute import distribute_batches
from trainer.input.parse_records import Batch
from trainer.loop.loop import LoopEvents, train_phase
from trainer.loop.state import State
from trainer.loop.step import make_train_steps
from trainer.models.architecture import Architecture
from trainer.models.families import build_model
from trainer.models.parameters import first_values, make_variables
from trainer.objectives.labels import LabelModel, LabelObjective
from trainer.optimizers.adamw import Optimizer
from trainer.settings.fine_tuning import FineTuningSettings
from trainer.settings.training import TrainerSettings
from trainer.warm_start.start import start_values

WARMUP_SHARE = 0.1  # of all steps
PREDICTED_AT_ONCE = 64  # examples per forward pass


class FineTuner:
    """Fine-tunes encoders of one architecture on one task.

    The steps are compiled once. Each run starts from the given weights, a head drawn from its seed,
    and an optimizer without history.

    Args:
        architecture: of the encoders.
        train: the training examples.
        classes: number of labels.
        per_word: whether each word has a label.
        settings: epochs, learning rate and batch size.
    """

    def __init__(
        self,
        architecture: Architecture,
        train: Encoded,
        classes: int,
        *,
        per_word: bool,
        settings: FineTuningSettings,
    ) -> None:
        self.model = LabelModel(build_model(architecture), classes, per_word=per_word)
        self._train = train
        self._settings = loop_settings(settings, train.size)
        self._strategy = select_strategy(settings.device).strategy
        with self._strategy.scope():
            variables = make_variables(self._random_values(0))
            step = tf.Variable(
                0,
                dtype=tf.int64,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            self.state = State(variables, Optimizer(variables, self._settings), step)
        self._objective = LabelObjective(self.model)
        self._train_steps = make_train_steps(
            self._settings, self._strategy, self._objective, self.state, seed=0
        )
        self._score = tf.function(
            lambda batch: self.model.score(self.state.variables, batch), autograph=False
        )

    def run(self, encoder: Values | None, seed: int, folder: str) -> None:
        """Train from the weights of an encoder; None: from random ones.

        Raises:
            DivergedError: a loss is not finite.
        """
        values = self._random_values(seed)
        if encoder is not None:
            own = {name: value for name, value in encoder.items() if name in values}
            values = start_values(values, own, self.model.parameters(), folder)
        self._reset(values)
        size = self._settings.global_batch_size
        batches = _batches(self._train, size, self._settings.steps, seed)
        train_phase(
            settings=self._settings,
            phase=_Examples(self._settings.steps),
            train_steps=self._train_steps,
            batches=iter(distribute_batches(self._strategy, batches, size)),
            step=self.state.step,
            loss_weights=self._objective.loss_weights,
            events=_NO_EVENTS,
            stop=lambda: 0,
        )

    def predict(self, examples: Encoded) -> np.ndarray:
        """Return the best label of each text or word that is scored: (S,) int32."""
        chosen = []
        for batch in fixed_batches(examples):
            scores = self._score(batch).numpy()
            labels = batch["task_labels"][:, : scores.shape[1]]
            chosen.append(scores.argmax(-1)[labels >= 0])
        return np.concatenate(chosen).astype(np.int32)

    def _random_values(self, seed: int) -> dict[str, np.ndarray]:
        deviation = self.model.architecture.initializer_range
        return first_values(self.model.parameters(), deviation=deviation, seed=seed)

    def _reset(self, values: Mapping[str, np.ndarray]) -> None:
        for name, variable in self.state.variables.items():
            variable.assign(values[name])
        for slot in self.state.optimizer.slots.values():
            slot.assign(tf.zeros_like(slot))
        self.state.step.assign(0)


def loop_settings(settings: FineTuningSettings, examples: int) -> TrainerSettings:
    """Return the settings of the training loop for a number of examples."""
    steps = max(1, examples * settings.epochs // settings.batch_size)
    return TrainerSettings(
        steps=steps,
        global_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=int(steps * WARMUP_SHARE),
        adam_bias_correction=True,  # without it, short fine-tuning diverges (Mosbach 2021)
        device=settings.device,
        log_every_steps=steps,
        save_every_steps=steps,
        steps_per_loop=100,
    )


def fixed_batches(examples: Encoded) -> list[Batch]:
    """Cut examples into batches of one size; the rows that fill up the last one are unlabeled."""
    size = PREDICTED_AT_ONCE
    rest = -examples.size % size
    padded = {
        name: np.pad(value, [(0, rest), (0, 0)], constant_values=-1 if "labels" in name else 0)
        for name, value in examples.arrays.items()
    }
    if rest:
        padded["input_mask"][examples.size :, 0] = 1  # attention needs a token
    return [
        {name: value[first : first + size] for name, value in padded.items()}
        for first in range(0, examples.size, size)
    ]


@tf.autograph.experimental.do_not_convert
def _batches(examples: Encoded, size: int, steps: int, seed: int) -> tf.data.Dataset:
    """Return the batches of a training: every epoch in another order."""
    epochs = -(-size * steps // examples.size)
    orders = [draw(seed, "order", epoch).permutation(examples.size) for epoch in range(epochs)]
    order = np.concatenate(orders)[: size * steps].reshape(steps, size)
    arrays = {name: tf.constant(value) for name, value in examples.arrays.items()}
    return (
        tf.data.Dataset.from_tensor_slices(order)
        .map(lambda rows: {name: tf.gather(value, rows) for name, value in arrays.items()})
        .repeat()
    )


@dataclass(frozen=True)
class _Examples:
    """The steps of a fine-tuning, for messages of the loop."""

    end_step: int

    def describe_batch(self, step: int) -> str:
        """Say where the loop is."""
        return f"step {step} of fine-tuning"


def _ignore(*_: object) -> None:
    """Log and save nothing."""


_NO_EVENTS = LoopEvents(
    on_compile=_ignore, on_first_step=_ignore, on_log=_ignore, on_save=_ignore, on_stop=_ignore
)
