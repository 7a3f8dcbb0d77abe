"""Evaluate the weights on held-out instances during training, on the strategy's devices."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from core.draw import draw_seed
from core.errors import InputError
from trainer.evaluation import area_under_curve, divide, evaluation_masking, sum_by_source
from trainer.input.batches import evaluation_batches
from trainer.input.distribute import distribute_batches
from trainer.input.instances import Instances
from trainer.input.parse_records import Batch
from trainer.loop.replicas import Sums, all_reduce, all_reduce_sums, first_replica
from trainer.objectives.objective import Objective
from trainer.row_draws import RowDraws

SPLIT = "eval"
Measured = tuple[Sums, dict[str, tf.Tensor]]  # sums; histograms


class HeldOut:
    """Evaluate weights, every time on the same instances with the same masks.

    Only whole batches from the start of the split are used. The whole split is evaluated before a
    model is published (`trainer.evaluation`).

    Args:
        strategy: the devices; every worker must evaluate at the same steps.
        objective: computes the losses.
        variables: the weights.
        instances: their eval split is used.
        batch_size: instances per batch at most.
        max_instances: instances in all at most.
        seed: fixes masks and samples.

    Raises:
        InputError: there are fewer held-out instances than replicas.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        objective: Objective,
        variables: Mapping[str, tf.Variable],
        instances: Instances,
        *,
        batch_size: int,
        max_instances: int,
        seed: int,
    ) -> None:
        size, replicas = instances.size(SPLIT), strategy.num_replicas_in_sync
        self._batch_size = min(batch_size, size) // replicas * replicas
        if not self._batch_size:
            raise InputError(
                f"{instances.folder}: {size} held-out instances cannot be divided among {replicas} "
                f"replicas. Raise text.eval_fraction, or remove trainer.evaluate_every_steps."
            )
        self._count = max(1, min(size, max_instances) // self._batch_size)
        self._strategy = strategy
        self._objective = objective
        self._variables = variables
        self._instances = instances
        self._seed = seed
        self._evaluate = tf.function(self._evaluate_batch, autograph=False)

    def __call__(self) -> dict[str, float]:
        """Return the mean of every loss and measure, and `replaced_token_auc` of an ELECTRA.

        Text of several sources adds `masked_lm_loss_of_<source>`.
        """
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
            ratios, histograms = self._evaluate(iterator, tf.constant(number))
            for totals, batch_totals in ((sums, ratios), (counts, histograms)):
                for name, value in batch_totals.items():
                    totals[name] = totals.get(name, 0.0) + np.asarray(value, np.float64)
        means = divide(sums)
        if counts:
            means["replaced_token_auc"] = area_under_curve(counts["replaced"], counts["original"])
        return means

    def deciding_loss(self, means: Mapping[str, float]) -> float:
        """Return the loss that decides which weights are best, as in the evaluator."""
        return means.get("replaced_token_loss", means["masked_lm_loss"])

    def _evaluate_batch(self, iterator: Iterator[Any], number: tf.Tensor) -> Measured:
        def evaluate_slice(batch: Batch) -> Measured:
            context = tf.distribute.get_replica_context()
            replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
            rows = self._batch_size // context.num_replicas_in_sync
            seed = tf.stack([draw_seed(self._seed, "held-out"), number])
            draws = RowDraws(seed, replica * rows, self._batch_size)
            outcome = self._objective.evaluate(self._variables, batch, draws)
            ratios = {**outcome.losses, **outcome.measures}
            ratios |= sum_by_source(outcome.by_row, batch, self._instances.sources(SPLIT))
            sums = all_reduce_sums(ratios)
            return sums, all_reduce(outcome.histograms) if outcome.histograms else {}

        per_replica = self._strategy.run(evaluate_slice, args=(next(iterator),))
        measured: Measured = first_replica(self._strategy, per_replica)
        return measured
