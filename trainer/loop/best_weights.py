"""Held-out losses to the weights that had the least, kept in a file beside the checkpoints.

`best-000000400.safetensors` with `best-000000400.json` beside it, which holds its digest and its
loss and is written last. What is kept depends on the losses alone, so a run that was resumed, and
measures again what was measured before it was stopped, keeps the same.
"""

import math
from collections.abc import Mapping

import numpy as np
import safetensors.numpy
import tensorflow as tf

from core import storage
from core.errors import TextmillError
from core.manifest import file_digest
from core.settings import Settings


class Best(Settings):
    """What is known of the kept weights."""

    step: int  # updates that had been made
    phase: int  # losses of phases do not compare; a later one counts
    loss: float  # held-out, nats
    sha256: str  # of the file


class BestWeights:
    """The best weights of one run.

    Args:
        folder: the run's own.
        variables: the weights, by name.
    """

    def __init__(self, folder: str, variables: Mapping[str, tf.Variable]) -> None:
        self._folder = folder
        self._variables = variables
        self._best = self._find()

    def offer(self, step: int, phase: int, loss: float) -> bool:
        """Keeps the weights as they are now, if they are the best; says whether it did."""
        best = self._best
        if not math.isfinite(loss) or (best and not _is_better(phase, loss, best)):
            return False
        values = {name: variable.numpy() for name, variable in self._variables.items()}
        path = self._path(step)
        storage.write_bytes(path, safetensors.numpy.save(values))
        kept = Best(step=step, phase=phase, loss=loss, sha256=file_digest(path))
        storage.write_bytes(_seal(path), kept.model_dump_json().encode())
        for old in storage.list_files(storage.join(self._folder, "best-*")):
            if old not in (path, _seal(path)):
                tf.io.gfile.remove(old)
        self._best = kept
        return True

    def read(self) -> tuple[Best, dict[str, np.ndarray]]:
        """The best weights.

        Raises:
            TextmillError: there are none.
        """
        best = self._best
        if best is None:
            raise TextmillError(
                f"{self._folder}: holds no best weights, though trainer.export is best. Set "
                f"trainer.export=last, or delete the folder to train again."
            )
        values = safetensors.numpy.load(storage.read_bytes(self._path(best.step)))
        # safetensors gives them in no order, and an export has its bytes from the order.
        return best, {name: values[name] for name in self._variables}

    def _find(self) -> Best | None:
        """What an earlier part of the run kept; None if nothing is whole."""
        seals = storage.list_files(storage.join(self._folder, "best-*.json"))
        found = [Best.model_validate_json(storage.read_bytes(seal)) for seal in seals]
        whole = [best for best in found if _is_whole(self._path(best.step), best.sha256)]
        return min(whole, key=lambda best: (-best.phase, best.loss, best.step), default=None)

    def _path(self, step: int) -> str:
        return storage.join(self._folder, f"best-{step:09d}.safetensors")


def _is_whole(path: str, digest: str) -> bool:
    return storage.exists(path) and file_digest(path) == digest


def _is_better(phase: int, loss: float, best: Best) -> bool:
    return phase > best.phase or (phase == best.phase and loss < best.loss)


def _seal(path: str) -> str:
    return path.removesuffix(".safetensors") + ".json"
