"""Save a run's state in checkpoints, and restore the newest complete one."""

import contextlib
import contextvars
import logging
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import numpy as np
import tensorflow as tf

from core import storage
from core.errors import InputError
from core.gcs.lease import Lease
from trainer.loop.sealed_files import SUFFIX, Values, read_sealed, remove_sealed, write_sealed

log = logging.getLogger(__name__)
_starts_over = contextvars.ContextVar("_starts_over", default=False)


@contextlib.contextmanager
def start_over() -> Iterator[None]:
    """Let trainings within the block begin at step 0, and not at their last checkpoint."""
    token = _starts_over.set(True)
    try:
        yield
    finally:
        _starts_over.reset(token)


def checkpoint_folder(root: str, digest: str) -> str:
    """Return the folder of a run's checkpoints; one that starts over has none."""
    folder = storage.join(root, digest)
    if _starts_over.get():
        storage.remove_tree(folder)
    return folder


class CheckpointError(InputError):
    """A checkpoint belongs to another model."""


class Checkpoints:
    """The checkpoints of one run, in one folder, as `step-000001000.safetensors`.

    Args:
        folder: the run's own.
        state: every variable that a resumed run needs, by name.
        step: () int64, updates done so far; part of the state.
        keep: number of newest checkpoints that are kept.
        writes: whether `save` writes; of several workers, only the chief does.
        lease: on the folder; nothing is written once it is lost.
        facts: what shapes do not show, such as the vocabulary; a checkpoint with other facts is
            rejected.
    """

    def __init__(
        self,
        folder: str,
        state: Mapping[str, tf.Variable],
        step: tf.Variable,
        *,
        keep: int,
        writes: bool = True,
        lease: Lease | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._state = {**state, "step": step}
        self._step = step
        self._keep = keep
        self._writes = writes
        self._lease = lease
        self._facts = dict(facts or {})
        # All checkpoints, the oldest first, complete or not.
        self._known = storage.list_files(storage.join(folder, f"step-*{SUFFIX}"))

    def save(self) -> str:
        """Save the state, delete the oldest checkpoints, and return the path."""
        path = storage.join(self.folder, f"step-{int(self._step.numpy()):09d}{SUFFIX}")
        if not self._writes:
            return path
        if self._lease:
            self._lease.check()
        write_sealed(path, self._state, tensors=len(self._state), facts=self._facts)
        self._known = sorted({*self._known, path})
        for old in self._known[: -self._keep]:
            remove_sealed(old)
        del self._known[: -self._keep]
        return path

    def restore_latest(self) -> str | None:
        """Set the variables from the newest complete checkpoint.

        Returns:
            Its path, or None if there is none, and the variables are unchanged.

        Raises:
            CheckpointError: its tensors or facts are not this run's; the message names them.
        """
        for path in reversed(self._known):
            sealed = read_sealed(path)
            if sealed is not None:
                seal, values = sealed
                self._restore(path, seal.get("facts", {}), values)
                return path
            log.warning("%s is incomplete or altered; using the checkpoint before it.", path)
        return None

    def _restore(self, path: str, facts: Mapping[str, str], values: Values) -> None:
        differences = [
            f"{name}: {facts.get(name, 'nothing')} in the file, {fact} in the run"
            for name, fact in self._facts.items()
            if facts.get(name) != fact
        ]
        differences += [
            f"{name}: {describe(values.get(name))} in the file, {describe(variable)} in the model"
            for name, variable in self._state.items()
            if describe(values.get(name)) != describe(variable)
        ]
        differences += [f"{name}: only in the file" for name in values.keys() - self._state.keys()]
        if differences:
            raise CheckpointError(
                f"{path}: belongs to another model ({'; '.join(sorted(differences)[:3])}). Set "
                f"another checkpoint_root, or delete the folder {PurePosixPath(self.folder).name} "
                f"in it."
            )
        for name, variable in self._state.items():
            variable.assign(values[name])


def describe(tensor: np.ndarray | tf.Variable | None) -> str:
    """Return type and shape, for comparing and for messages."""
    if tensor is None:
        return "nothing"
    return f"{np.dtype(getattr(tensor.dtype, 'as_numpy_dtype', tensor.dtype))}{tuple(tensor.shape)}"
