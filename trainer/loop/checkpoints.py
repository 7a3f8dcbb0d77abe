"""A run's state to files and back: whole, checksummed, a few of them, and the newest good one.

A checkpoint is `step-000001000.safetensors` with `step-000001000.json` beside it, which holds its
digest and is written last. One that has no such file, or whose digest differs, was cut short.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import PurePosixPath

import numpy as np
import safetensors.numpy
import tensorflow as tf

from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from core.manifest import file_digest

log = logging.getLogger(__name__)


class CheckpointError(InputError):
    """A checkpoint of another model."""


class Checkpoints:
    """The checkpoints of one run, in one folder.

    Args:
        folder: the run's own.
        state: every variable that a resumed run needs, by name.
        step: () int64, part of the state; it names the files.
        keep: how many stay.
        writes: whether `save` does anything; of several workers only the chief's does.
        facts: what shapes do not tell, such as the vocabulary; a checkpoint with other ones is
            refused.
    """

    def __init__(
        self,
        folder: str,
        state: Mapping[str, tf.Variable],
        step: tf.Variable,
        *,
        keep: int,
        writes: bool = True,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._state = {**state, "step": step}
        self._step = step
        self._keep = keep
        self._writes = writes
        self._facts = dict(facts or {})

    def save(self) -> str:
        """Writes the state, then forgets the oldest checkpoints. Returns the path."""
        path = storage.join(self.folder, f"step-{int(self._step.numpy()):09d}.safetensors")
        if not self._writes:
            return path
        values = {name: np.asarray(v.numpy()) for name, v in self._state.items()}
        storage.write_bytes(path, safetensors.numpy.save(values))
        failpoint("save-checkpoint")
        told = {"sha256": file_digest(path), "tensors": len(values), "facts": self._facts}
        seal = json.dumps(told)
        storage.write_bytes(_seal(path), seal.encode())
        for old in self._paths()[: -self._keep]:
            for file in (_seal(old), old):
                if storage.exists(file):
                    tf.io.gfile.remove(file)
        return path

    def restore_latest(self) -> str | None:
        """Sets the variables from the newest checkpoint that is whole.

        Returns:
            Its path, or None if there is none: the variables are as they were.

        Raises:
            CheckpointError: its tensors or facts are not this run's; the message names them.
        """
        for path in reversed(self._paths()):
            if _is_whole(path):
                self._restore(path)
                return path
            log.warning("%s is cut short or altered; the checkpoint before it is used.", path)
        return None

    def _restore(self, path: str) -> None:
        told: dict[str, str] = json.loads(storage.read_bytes(_seal(path))).get("facts", {})
        differences = [
            f"{name}: {told.get(name, 'nothing')} in the file, {fact} in the run"
            for name, fact in self._facts.items()
            if told.get(name) != fact
        ]
        values = safetensors.numpy.load(storage.read_bytes(path))
        differences += [
            f"{name}: {describe(values.get(name))} in the file, {describe(variable)} in the model"
            for name, variable in self._state.items()
            if describe(values.get(name)) != describe(variable)
        ]
        differences += [f"{name}: only in the file" for name in values.keys() - self._state.keys()]
        if differences:
            raise CheckpointError(
                f"{path}: of another model ({'; '.join(sorted(differences)[:3])}). Take another "
                f"checkpoint_root, or delete the folder {PurePosixPath(self.folder).name} in it."
            )
        for name, variable in self._state.items():
            variable.assign(values[name])

    def _paths(self) -> list[str]:
        """All checkpoints, the oldest first; whole or not."""
        return storage.list_files(storage.join(self.folder, "step-*.safetensors"))


def describe(tensor: np.ndarray | tf.Variable | None) -> str:
    """Type and shape, for comparing and for messages."""
    if tensor is None:
        return "nothing"
    return f"{np.dtype(getattr(tensor.dtype, 'as_numpy_dtype', tensor.dtype))}{tuple(tensor.shape)}"


def _seal(path: str) -> str:
    return path.removesuffix(".safetensors") + ".json"


def _is_whole(path: str) -> bool:
    if not storage.exists(_seal(path)):
        return False
    try:
        expected: str = json.loads(storage.read_bytes(_seal(path)))["sha256"]
    except (ValueError, KeyError, TypeError):  # altered; the caller tells and passes it over
        return False
    return file_digest(path) == expected
