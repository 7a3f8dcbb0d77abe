"""Distribute global batches to the replicas of a strategy."""

from collections.abc import Callable

import tensorflow as tf

from trainer.input.batches import take_rows
from trainer.input.instances import InstancesError
from trainer.input.parse_records import Batch


@tf.autograph.experimental.do_not_convert
def distribute_batches(
    strategy: tf.distribute.Strategy,
    batches: tf.data.Dataset | Callable[[slice], tf.data.Dataset],
    batch_size: int,
) -> tf.distribute.DistributedDataset:
    """Give each replica of all workers its slice of every global batch.

    The dataset is marked as infinite: otherwise TensorFlow's distributed iterators leave the batch
    size open for a possible end, and a TPU needs it fixed.

    `batches` are the endless global batches, or a function that returns given rows of them, so that
    each worker reads and masks only its own rows.

    Raises:
        InstancesError: the batch size is not a multiple of the number of replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise InstancesError(
            f"trainer.global_batch_size {batch_size} is not a multiple of the {replicas} replicas. "
            f"Set it to {batch_size // replicas * replicas or replicas}, for example."
        )
    size = batch_size // replicas

    def worker_batches(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local_replicas = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * local_replicas * size
        rows = slice(first, first + local_replicas * size)
        if callable(batches):
            part = batches(rows)
        else:
            part = batches if replicas == 1 else batches.map(lambda batch: take_rows(batch, rows))

        def split(batch: Batch) -> Batch:
            return {
                k: tf.reshape(v, [local_replicas, size, *v.shape[1:]]) for k, v in batch.items()
            }

        slices = part if local_replicas == 1 else part.map(split).unbatch()
        infinite = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return slices.apply(infinite).prefetch(2 * local_replicas)

    return strategy.distribute_datasets_from_function(worker_batches)
