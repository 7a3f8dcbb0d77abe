"""Weights to their losses on held-out instances, while training, on the strategy's devices."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from core.draw import draw_seed
from core.errors import InputError
from trainer.draws import RowDraws
from trainer.evaluation import area_under_curve, evaluation_masking
from trainer.input.batches import evaluation_batches
from trainer.input.distribute import distribute_batches
from trainer.input.instances import Instances
from trainer.loop.step import Batch, all_reduce, all_reduce_sums
from trainer.objectives.choose import PreTraining
from trainer.objectives.ratio import Ratio

SPLIT = "eval"
Found = tuple[dict[str, Ratio], dict[str, tf.Tensor]]  # sums; histograms


class HeldOut:
    """Measures weights on the same instances with the same masks, however often it is asked.

    Whole batches only, from the front of the split. Before a model is published, all of the split
    is measured (`trainer.evaluation`).

    Args:
        strategy: where; every worker has to measure at the same steps.
        objective: what is measured.
        variables: the weights.
        instances: whose eval split is used.
        batch_size: instances at a time at most.
        instances_at_most: to measure on.
        seed: freezes masks and samples.

    Raises:
        InputError: there are fewer held-out instances than replicas.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        objective: PreTraining,
        variables: Mapping[str, tf.Variable],
        instances: Instances,
        *,
        batch_size: int,
        instances_at_most: int,
        seed: int,
    ) -> None:
        size, replicas = instances.size(SPLIT), strategy.num_replicas_in_sync
        self._batch_size = min(batch_size, size) // replicas * replicas
        if not self._batch_size:
            raise InputError(
                f"{instances.folder}: {size} held-out instances cannot be shared out to {replicas} "
                f"replicas. Raise text.eval_fraction, or remove trainer.evaluate_every_steps."
            )
        self._count = max(1, min(size, instances_at_most) // self._batch_size)
        self._strategy = strategy
        self._objective = objective
        self._variables = variables
        self._instances = instances
        self._seed = seed
        self._measure = tf.function(self._add_up)

    def __call__(self) -> dict[str, float]:
        """The mean of every loss and measure, and `replaced_token_auc` of an ELECTRA."""
        batches = evaluation_batches(
            self._instances,
            SPLIT,
            evaluation_masking(self._objective.model.architecture.type),
            batch_size=self._batch_size,
            seed=self._seed,
            drop_remainder=True,
        )
        iterator = iter(distribute_batches(self._strategy, batches.repeat(), self._batch_size))
        sums: dict[str, np.ndarray] = {}  # of (numerator, denominator)
        counts: dict[str, np.ndarray] = {}  # of histograms
        for number in range(self._count):
            ratios, histograms = self._measure(iterator, tf.constant(number))
            for kept, found in ((sums, ratios), (counts, histograms)):
                for name, part in found.items():
                    kept[name] = kept.get(name, 0.0) + np.asarray(part, np.float64)
        means = {name: float(n / d) if d else math.nan for name, (n, d) in sums.items()}
        if counts:
            means["replaced_token_auc"] = area_under_curve(counts["replaced"], counts["original"])
        return means

    def judged(self, means: Mapping[str, float]) -> float:
        """The loss that decides which weights are best; as the evaluator's."""
        return means.get("replaced_token_loss", means["masked_lm_loss"])

    def _add_up(self, iterator: Iterator[Any], number: tf.Tensor) -> Found:
        def of_replica(batch: Batch) -> Found:
            context = tf.distribute.get_replica_context()
            replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
            rows = self._batch_size // context.num_replicas_in_sync
            seed = tf.stack([draw_seed(self._seed, "held-out"), number])
            place = RowDraws(seed, replica * rows, self._batch_size)
            outcome = self._objective.evaluate(self._variables, batch, place)
            sums = all_reduce_sums({**outcome.losses, **outcome.measures})
            return sums, all_reduce(outcome.histograms) if outcome.histograms else {}

        # Every replica returns the same.
        found = self._strategy.run(of_replica, args=(next(iterator),))
        first: Found = tf.nest.map_structure(
            lambda x: self._strategy.experimental_local_results(x)[0], found
        )
        return first
