"""A document's id to its split, by the same formula as TFX's ExampleGen."""

import hashlib

from components.text_example_gen.documents.document_record import encode_bytes_feature

SPLITS = ("train", "eval")
HASH_BUCKETS = 10_000  # a split's share is a multiple of 1/10,000


def hash_buckets(eval_fraction: float) -> tuple[int, int]:
    """Buckets of the train and of the eval split, which the document's hash falls into."""
    held_out = min(max(round(eval_fraction * HASH_BUCKETS), 1), HASH_BUCKETS - 1)
    return HASH_BUCKETS - held_out, held_out


def hash_bucket(document_id: str) -> int:
    """The bucket in [0, HASH_BUCKETS) of a document.

    TFX hashes the serialised feature that `partition_feature_name` names
    (tfx/components/example_gen/base_example_gen_executor.py, `_PartitionFn`).
    """
    partition = encode_bytes_feature([document_id.encode()])
    return int(hashlib.sha256(partition).hexdigest(), 16) % HASH_BUCKETS


def choose_split(bucket: int, eval_fraction: float) -> int:
    """The number of the split: 0 train, 1 eval."""
    return int(bucket >= hash_buckets(eval_fraction)[0])
