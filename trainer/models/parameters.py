"""An architecture's parameter list to variables: names, shapes and first values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from core.draw import draw

# A weight drawn further out than this many standard deviations is drawn again (BERT's
# `truncated_normal_initializer`).
TRUNCATION = 2.0

Start = Literal["normal", "sinusoidal", "zeros", "ones"]


@dataclass(frozen=True)
class Parameter:
    """A parameter's shape and how it starts."""

    shape: tuple[int, ...]
    start: Start


ParameterList = dict[str, Parameter]  # by Hugging Face's names, in the order of the forward pass


def dense_parameters(name: str, inputs: int, outputs: int) -> ParameterList:
    """A linear layer's: the weight is (outputs, inputs), as PyTorch keeps it."""
    return {
        f"{name}.weight": Parameter((outputs, inputs), "normal"),
        f"{name}.bias": Parameter((outputs,), "zeros"),
    }


def layer_norm_parameters(name: str, size: int) -> ParameterList:
    """A layer normalisation's scale and shift."""
    return {
        f"{name}.weight": Parameter((size,), "ones"),
        f"{name}.bias": Parameter((size,), "zeros"),
    }


def embedding_parameters(name: str, rows: int, size: int) -> ParameterList:
    """A table's."""
    return {f"{name}.weight": Parameter((rows, size), "normal")}


def position_parameters(name: str, rows: int, size: int, start: str) -> ParameterList:
    """A table's of positions; `start` is of the settings, "drawn" or "sinusoidal"."""
    form: Start = "sinusoidal" if start == "sinusoidal" else "normal"
    return {f"{name}.weight": Parameter((rows, size), form)}


def first_values(
    parameters: ParameterList, *, deviation: float, seed: int
) -> dict[str, np.ndarray]:
    """The values that training starts from; each depends on the seed and its name alone."""
    return {name: _first_value(name, p, deviation, seed) for name, p in parameters.items()}


def make_variables(values: Mapping[str, np.ndarray]) -> dict[str, tf.Variable]:
    """Variables that hold the values; call it in the strategy's scope."""
    return {
        name: tf.Variable(value, dtype=tf.float32, name=name.replace(".", "/"))
        for name, value in values.items()
    }


def count_parameters(parameters: ParameterList) -> int:
    """Numbers that training sets; tied tables count once."""
    return sum(int(np.prod(p.shape)) for p in parameters.values())


def _first_value(name: str, parameter: Parameter, deviation: float, seed: int) -> np.ndarray:
    if parameter.start == "zeros":
        return np.zeros(parameter.shape, np.float32)
    if parameter.start == "ones":
        return np.ones(parameter.shape, np.float32)
    if parameter.start == "sinusoidal":
        return sinusoids(*parameter.shape, deviation=deviation)
    rng = draw(seed, "first value", name)
    values = rng.standard_normal(parameter.shape, np.float32)
    while (far := np.abs(values) > TRUNCATION).any():
        values[far] = rng.standard_normal(int(far.sum()), np.float32)
    return values * np.float32(deviation)


def sinusoids(positions: int, size: int, *, deviation: float) -> np.ndarray:
    """Sines, then cosines, of positions: (positions, size) float32.

    A vector's neighbours are turns of it by fixed angles, so that one product finds "the token
    before" at every position (Vaswani et al. 2017, 3.5). There the longest wave is 10,000 positions
    times 2 pi; here it is as long as there are positions, since longer ones hardly differ in them.

    Args:
        positions: rows.
        size: of a row; of an odd one the last cosine is missing.
        deviation: root mean square of the values.
    """
    half = (size + 1) // 2
    frequencies = float(positions) ** -(np.arange(half) / half)
    angles = np.arange(positions)[:, None] * frequencies
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :size]
    return (waves * (deviation * math.sqrt(2))).astype(np.float32)
