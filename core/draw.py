"""A seed and what is drawn for, to random numbers: randomness is a value, never a state."""

import hashlib

import numpy as np


def draw(seed: int, *key: str | int) -> np.random.Generator:
    """A generator that depends only on the seed and the key, not on order, worker or hash seed.

    Philox is counter-based, so that generators of different keys never overlap in practice and
    give the same numbers on every machine.

    Args:
        seed: the recipe's seed.
        *key: what is drawn for, for example `"mask", shard_index, batch_index`.
    """
    return np.random.Generator(np.random.Philox(key=_digest(seed, *key) % (1 << 128)))


def draw_seed(seed: int, *key: str | int) -> int:
    """A seed in [0, 2^31) for a generator that is not NumPy's, as TensorFlow's stateless ones."""
    return _digest(seed, *key) % (1 << 31)


def _digest(seed: int, *key: str | int) -> int:
    return int.from_bytes(hashlib.sha256(repr((seed, *key)).encode()).digest(), "little")
