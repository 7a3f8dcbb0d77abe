"""Save a run's state in checkpoints, and restore the newest complete one."""

import contextlib
import contextvars
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import tensorflow as tf

from core import storage
from core.errors import InputError
from core.gcs.lease import Lease
from trainer.loop.sealed_files import SUFFIX, Values, read_sealed, remove_sealed, write_sealed

log = logging.getLogger(__name__)
History = dict[str, Any]  # what was measured at the steps before a checkpoint
_starts_over = contextvars.ContextVar("_starts_over", default=False)


@contextlib.contextmanager
def start_over() -> Iterator[None]:
    """Let trainings within the block begin at step 0, and not at their last checkpoint."""
    token = _starts_over.set(True)
    try:
        yield
    finally:
        _starts_over.reset(token)


def starts_over() -> bool:
    """Return whether trainings begin at step 0 here."""
    return _starts_over.get()


def checkpoint_folder(root: str, name: str) -> str:
    """Return the folder of a run's checkpoints; one that starts over has none."""
    folder = storage.join(root, name)
    if starts_over():
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
        kept_step: step whose checkpoint is never deleted; None if there is no such step.
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
        kept_step: int | None = None,
    ) -> None:
        self.folder = folder
        self._state = {**state, "step": step}
        self._step = step
        self._keep = keep
        self._writes = writes
        self._lease = lease
        self._facts = dict(facts or {})
        self._kept_step = kept_step
        # All checkpoints, the oldest first, complete or not.
        self._known = storage.list_files(storage.join(folder, f"step-*{SUFFIX}"))
        self.history: History = {}

    def save(self, history: History | None = None) -> str:
        """Save the state and the history, delete the oldest checkpoints, and return the path."""
        path = _path(self.folder, int(self._step.numpy()))
        if not self._writes:
            return path
        if self._lease:
            self._lease.check()
        facts = {"facts": self._facts, "history": history or {}}
        write_sealed(path, self._state, tensors=len(self._state), **facts)
        self._known = sorted({*self._known, path})
        kept = _path(self.folder, self._kept_step) if self._kept_step else None
        for old in set(self._known[: -self._keep]) - {kept}:
            remove_sealed(old)
            self._known.remove(old)
        return path

    def restore_latest(self, others: Sequence[str] = ()) -> str | None:
        """Set the variables and `history` from the newest complete checkpoint.

        Args:
            others: checkpoints of another run that this run would also make, the oldest first;
                used if this run has none.

        Returns:
            Its path, or None if there is none, and the variables are unchanged.

        Raises:
            CheckpointError: its tensors or facts are not this run's; the message names them.
        """
        for path in reversed([*others, *self._known]):
            sealed = read_sealed(path)
            if sealed is not None:
                seal, values = sealed
                self._restore(path, seal.get("facts", {}), values)
                self.history = seal.get("history", {})
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


def step_of(path: str) -> int:
    """Return the step that the name of a checkpoint states."""
    return int(PurePosixPath(path).stem.removeprefix("step-"))


def _path(folder: str, step: int) -> str:
    return storage.join(folder, f"step-{step:09d}{SUFFIX}")


def describe(tensor: np.ndarray | tf.Variable | None) -> str:
    """Return type and shape, for comparing and for messages."""
    if tensor is None:
        return "nothing"
    return f"{np.dtype(getattr(tensor.dtype, 'as_numpy_dtype', tensor.dtype))}{tuple(tensor.shape)}"
