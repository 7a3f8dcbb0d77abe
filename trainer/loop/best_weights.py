"""Keep the weights with the lowest held-out loss, in a file beside the checkpoints.

Which weights are kept depends on the losses alone, so a resumed run, which repeats evaluations that
were done before it was stopped, keeps the same ones.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from core import storage
from core.errors import TextmillError
from trainer.loop.sealed_files import SUFFIX, read_sealed, remove_sealed, write_sealed


class Best(NamedTuple):
    """When the kept weights were measured, and their loss."""

    step: int  # updates done
    phase: int  # losses of different phases do not compare; the later phase counts
    loss: float  # held-out, nats


class BestWeights:
    """The best weights of one run, as `best-000000400.safetensors`.

    Args:
        folder: the run's own.
        variables: the weights, by name.
    """

    def __init__(self, folder: str, variables: Mapping[str, tf.Variable]) -> None:
        self._folder = folder
        self._variables = variables
        self._kept = set(storage.list_files(storage.join(folder, f"best-*{SUFFIX}")))
        self._best = self._read_best()

    def offer(self, step: int, phase: int, loss: float) -> bool:
        """Keep the present weights if they are the best; return whether they are."""
        best = self._best
        if not math.isfinite(loss) or (best and not _is_better(phase, loss, best)):
            return False
        path = self._path(step)
        write_sealed(path, self._variables, step=step, phase=phase, loss=loss)
        for old in self._kept - {path}:
            remove_sealed(old)
        self._kept = {path}
        self._best = Best(step, phase, loss)
        return True

    def read(self) -> tuple[Best, dict[str, np.ndarray]]:
        """Return the best weights.

        Raises:
            TextmillError: there are none.
        """
        best = self._best
        sealed = read_sealed(self._path(best.step)) if best else None
        if best is None or sealed is None:
            raise TextmillError(
                f"{self._folder}: holds no best weights, though trainer.export is best. Set "
                f"trainer.export=last, or delete the folder to train again."
            )
        values = sealed[1]
        # The order of an export's tensors, and so its bytes, is that of the variables.
        return best, {name: values[name] for name in self._variables}

    def _read_best(self) -> Best | None:
        """Return what an earlier part of the run kept; None if no file is complete."""
        sealed = [pair for path in self._kept if (pair := read_sealed(path))]
        kept = [Best(*(seal[field] for field in Best._fields)) for seal, _ in sealed]
        return min(kept, key=lambda best: (-best.phase, best.loss, best.step), default=None)

    def _path(self, step: int) -> str:
        return storage.join(self._folder, f"best-{step:09d}{SUFFIX}")


def _is_better(phase: int, loss: float, best: Best) -> bool:
    return phase > best.phase or (phase == best.phase and loss < best.loss)
