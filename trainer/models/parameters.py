"""An architecture's parameter list to variables: names, shapes and first values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from trainer.draw import draw

# A weight drawn further out than this many standard deviations is drawn again (BERT's
# `truncated_normal_initializer`).
TRUNCATION = 2.0


@dataclass(frozen=True)
class Parameter:
    """A parameter's shape and how it starts."""

    shape: tuple[int, ...]
    start: Literal["normal", "zeros", "ones"]


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
    rng = draw(seed, "first value", name)
    values = rng.standard_normal(parameter.shape, np.float32)
    while (far := np.abs(values) > TRUNCATION).any():
        values[far] = rng.standard_normal(int(far.sum()), np.float32)
    return values * np.float32(deviation)
