"""Choose the split of a document, as TFX does: by the split bucket of its id."""

import hashlib

from components.text_example_gen.documents import encode_bytes_feature

SPLITS = ("train", "eval")
SPLIT_BUCKETS = 10_000  # so a split's share is a multiple of 1/10,000


def count_split_buckets(eval_fraction: float) -> tuple[int, int]:
    """Return how many split buckets belong to train and to eval."""
    held_out = min(max(round(eval_fraction * SPLIT_BUCKETS), 1), SPLIT_BUCKETS - 1)
    return SPLIT_BUCKETS - held_out, held_out


def split_bucket(document_id: str) -> int:
    """Return the split bucket of a document, in [0, SPLIT_BUCKETS).

    TFX hashes the serialized feature that `partition_feature_name` names
    (tfx/components/example_gen/base_example_gen_executor.py, `_PartitionFn`).
    """
    partition = encode_bytes_feature([document_id.encode()])
    return int(hashlib.sha256(partition).hexdigest(), 16) % SPLIT_BUCKETS


def choose_split(bucket: int, eval_fraction: float) -> int:
    """Return the index in `SPLITS` of the split that owns a bucket."""
    return int(bucket >= count_split_buckets(eval_fraction)[0])
