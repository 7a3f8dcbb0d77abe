"""Write tensors to files with a seal, which shows whether a file is complete.

`NAME.safetensors` has a seal `NAME.json` beside it, which holds its digest and is written last. A
file without a seal, or with another digest, was cut short or altered.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
import tensorflow as tf

from core import storage
from core.failpoints import failpoint

SUFFIX = ".safetensors"
Values = dict[str, np.ndarray]


def write_sealed(path: str, variables: Mapping[str, tf.Variable], **facts: object) -> None:
    """Write the values of variables, then the seal, with the digest and some facts."""
    values = {name: np.asarray(variable.numpy()) for name, variable in variables.items()}
    content = safetensors.numpy.save(values)
    storage.write_bytes(path, content)
    failpoint("save-checkpoint")
    seal = json.dumps({"sha256": hashlib.sha256(content).hexdigest(), **facts})
    storage.write_bytes(_seal_path(path), seal.encode())


def read_sealed(path: str) -> tuple[dict[str, Any], Values] | None:
    """Read a file and its seal, each once.

    Returns:
        The seal's facts, and the values by name, in no particular order; None if the file is
        incomplete or altered.
    """
    seal_content = storage.read_if_exists(_seal_path(path))
    if seal_content is None:
        return None
    try:
        seal: dict[str, Any] = json.loads(seal_content)
        expected = seal["sha256"]
    except (ValueError, KeyError, TypeError):
        return None
    content = storage.read_if_exists(path)
    if content is None or hashlib.sha256(content).hexdigest() != expected:
        return None
    return seal, safetensors.numpy.load(content)


def remove_sealed(path: str) -> None:
    """Delete a file and its seal, the seal first."""
    storage.remove(_seal_path(path))
    storage.remove(path)


def _seal_path(path: str) -> str:
    return path.removesuffix(SUFFIX) + ".json"
