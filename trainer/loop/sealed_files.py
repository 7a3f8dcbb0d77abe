"""Write tensors to files with a seal, which shows whether a file is complete.

`NAME.safetensors` has a seal `NAME.json` beside it, which holds its digest and is written last. A
file without a seal, or with another digest, was cut short or altered.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
import tensorflow as tf

from core import storage
from core.manifest import file_digest

SUFFIX = ".safetensors"


def write_tensors(path: str, variables: Mapping[str, tf.Variable]) -> None:
    """Write the values of variables; without `seal_file` the file counts as incomplete."""
    values = {name: np.asarray(variable.numpy()) for name, variable in variables.items()}
    storage.write_bytes(path, safetensors.numpy.save(values))


def seal_file(path: str, **facts: object) -> None:
    """Write the seal of a file, with its digest and some facts."""
    seal = json.dumps({"sha256": file_digest(path), **facts})
    storage.write_bytes(_seal_path(path), seal.encode())


def read_seal(path: str) -> dict[str, Any] | None:
    """Return the facts of a file's seal; None if the file is incomplete or altered."""
    if not (storage.exists(path) and storage.exists(_seal_path(path))):
        return None
    try:
        seal: dict[str, Any] = json.loads(storage.read_bytes(_seal_path(path)))
        expected = seal["sha256"]
    except (ValueError, KeyError, TypeError):
        return None
    return seal if file_digest(path) == expected else None


def read_tensors(path: str) -> dict[str, np.ndarray]:
    """Read the values of a file, by name, in no particular order."""
    values: dict[str, np.ndarray] = safetensors.numpy.load(storage.read_bytes(path))
    return values


def remove_sealed(path: str) -> None:
    """Delete a file and its seal, the seal first."""
    for file in (_seal_path(path), path):
        if storage.exists(file):
            tf.io.gfile.remove(file)


def _seal_path(path: str) -> str:
    return path.removesuffix(SUFFIX) + ".json"
