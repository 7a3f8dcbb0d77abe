"""Make random numbers that depend only on a seed and on what they are drawn for."""

import hashlib

import numpy as np


def draw(seed: int, *key: str | int) -> np.random.Generator:
    """Return a generator that depends only on the seed and the key, not on order or worker.

    Philox is counter-based: generators with different keys do not overlap in practice, and give the
    same numbers on every machine.

    Args:
        seed: the seed from the recipe.
        *key: what the numbers are for, for example `"mask", shard_index, batch_index`.
    """
    return np.random.Generator(np.random.Philox(key=_digest(seed, *key) % (1 << 128)))


def draw_seed(seed: int, *key: str | int) -> int:
    """Return a seed in [0, 2^31) for other generators, such as TensorFlow's stateless ones."""
    return _digest(seed, *key) % (1 << 31)


def _digest(seed: int, *key: str | int) -> int:
    return int.from_bytes(hashlib.sha256(repr((seed, *key)).encode()).digest(), "little")
