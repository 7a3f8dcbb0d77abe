"""Choose the split of a document from its id, by the formula of TFX's ExampleGen."""

import hashlib

from components.text_example_gen.documents.document_record import encode_bytes_feature

SPLITS = ("train", "eval")
HASH_BUCKETS = 10_000  # so a split's share is a multiple of 1/10,000


def hash_buckets(eval_fraction: float) -> tuple[int, int]:
    """Return how many hash buckets belong to the train split and to the eval split."""
    held_out = min(max(round(eval_fraction * HASH_BUCKETS), 1), HASH_BUCKETS - 1)
    return HASH_BUCKETS - held_out, held_out


def hash_bucket(document_id: str) -> int:
    """Return the hash bucket of a document, in [0, HASH_BUCKETS).

    TFX hashes the serialized feature that `partition_feature_name` names
    (tfx/components/example_gen/base_example_gen_executor.py, `_PartitionFn`).
    """
    partition = encode_bytes_feature([document_id.encode()])
    return int(hashlib.sha256(partition).hexdigest(), 16) % HASH_BUCKETS


def choose_split(bucket: int, eval_fraction: float) -> int:
    """Return the index in `SPLITS` of the split that owns a hash bucket."""
    return int(bucket >= hash_buckets(eval_fraction)[0])
