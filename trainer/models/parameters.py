"""List parameters by name, shape and initial value, and make variables of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from core.draw import draw

# Standard deviations beyond which a weight is drawn again (BERT's truncated_normal_initializer).
TRUNCATION = 2.0

Start = Literal["normal", "sinusoidal", "zeros", "ones"]


@dataclass(frozen=True)
class Parameter:
    """A parameter's shape and initial values."""

    shape: tuple[int, ...]
    start: Start


ParameterList = dict[str, Parameter]  # by Hugging Face's names, in the order of the forward pass


def dense_parameters(name: str, inputs: int, outputs: int) -> ParameterList:
    """List a linear layer's parameters; the weight is (outputs, inputs), as in PyTorch."""
    return {
        f"{name}.weight": Parameter((outputs, inputs), "normal"),
        f"{name}.bias": Parameter((outputs,), "zeros"),
    }


def layer_norm_parameters(name: str, size: int) -> ParameterList:
    """List a layer normalization's parameters: scale and shift."""
    return {
        f"{name}.weight": Parameter((size,), "ones"),
        f"{name}.bias": Parameter((size,), "zeros"),
    }


def embedding_parameters(name: str, rows: int, size: int, start: Start = "normal") -> ParameterList:
    """List an embedding table."""
    return {f"{name}.weight": Parameter((rows, size), start)}


def first_values(
    parameters: ParameterList, *, deviation: float, seed: int
) -> dict[str, np.ndarray]:
    """Draw the initial values; each depends only on the seed and the parameter's name."""
    return {name: _first_value(name, p, deviation, seed) for name, p in parameters.items()}


def make_variables(values: Mapping[str, np.ndarray]) -> dict[str, tf.Variable]:
    """Make variables that hold the values; call it in the strategy's scope."""
    return {
        name: tf.Variable(value, dtype=tf.float32, name=name.replace(".", "/"))
        for name, value in values.items()
    }


def local_variable(variable: tf.Variable) -> tf.Variable:
    """Return this replica's copy of a variable; call it in a replica.

    An XLA program reads and writes that copy in place, on its own device, so all replicas have to
    make equal updates. On a TPU the variable itself stands for the copy.
    """
    context = tf.distribute.get_replica_context()
    if isinstance(context.strategy, tf.distribute.TPUStrategy):
        return variable
    copies = context.strategy.experimental_local_results(variable)
    if len(copies) == 1:
        return copies[0]
    return copies[tf.get_static_value(context.replica_id_in_sync_group) % len(copies)]


def count_parameters(parameters: ParameterList) -> int:
    """Count the numbers that are trained; tied tables count once."""
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
    """Return sines, then cosines, of positions: (positions, size) float32.

    Neighbors of a vector are rotations of it by fixed angles, so that one linear map finds "the
    token before" at every position (Vaswani et al. 2017, 3.5). The paper's longest wave has
    10,000 * 2 pi positions; here it has `positions` * 2 pi, since longer ones hardly vary.

    Args:
        positions: number of rows.
        size: length of a row; if it is odd, the last cosine is left out.
        deviation: root mean square of the values.
    """
    half = (size + 1) // 2
    frequencies = float(positions) ** -(np.arange(half) / half)
    angles = np.arange(positions)[:, None] * frequencies
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :size]
    return (waves * (deviation * math.sqrt(2))).astype(np.float32)
