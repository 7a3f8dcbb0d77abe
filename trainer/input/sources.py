"""Read which source of the text each held-out instance is from, if there are several."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from core import storage
from trainer.input.instances import SOURCE_IDS_FILE, Instances, InstancesError

SOURCE_IDS = "source_ids"  # in a batch


def read_source_ids(instances: Instances, split: str) -> npt.NDArray[np.int32]:
    """Return the number of each instance's source in `Instances.sources`, in the records' order.

    Raises:
        InstancesError: the file does not have one number per instance.
    """
    path = storage.join(instances.folder, SOURCE_IDS_FILE.format(split=split))
    with storage.open_input(path) as stream:
        ids = np.load(stream, allow_pickle=False)
    if len(ids) != instances.size(split) or ids.max(initial=0) >= len(instances.sources(split)):
        raise InstancesError(
            f"{path}: does not have the source of each of the {instances.size(split)} instances. "
            f"Run InstanceGen again."
        )
    return ids.astype(np.int32)


def add_source_ids(
    batches: tf.data.Dataset,
    instances: Instances,
    split: str,
    *,
    batch_size: int,
    drop_remainder: bool,
) -> tf.data.Dataset:
    """Add `source_ids` (B,) int32 to the batches of a split in the records' order."""
    ids = tf.data.Dataset.from_tensor_slices(read_source_ids(instances, split))
    pairs = tf.data.Dataset.zip((batches, ids.batch(batch_size, drop_remainder)))
    return pairs.map(lambda batch, of_batch: {**batch, SOURCE_IDS: of_batch})
