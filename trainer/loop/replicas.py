"""Sum tensors and ratios over replicas."""

from collections.abc import Mapping
from typing import TypeVar

import tensorflow as tf

from trainer.objectives.objective import Ratio

Sums = dict[str, Ratio]  # losses and measures, summed over replicas and steps
Structure = TypeVar("Structure")


def all_reduce(values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Sum tensors of one shape over replicas, in one message."""
    context = tf.distribute.get_replica_context()
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack(list(values.values())))
    return dict(zip(values, tf.unstack(total), strict=True))


def all_reduce_sums(sums: Sums) -> Sums:
    """Sum ratios over replicas."""
    numerators = all_reduce({name: ratio.numerator for name, ratio in sums.items()})
    denominators = all_reduce({name: ratio.denominator for name, ratio in sums.items()})
    return {name: Ratio(numerators[name], denominators[name]) for name in sums}


def first_replica(strategy: tf.distribute.Strategy, results: Structure) -> Structure:
    """Return the first replica's results, where all replicas return the same."""
    first: Structure = tf.nest.map_structure(
        lambda x: strategy.experimental_local_results(x)[0], results
    )
    return first
