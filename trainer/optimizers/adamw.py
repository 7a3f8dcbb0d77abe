"""Update named variables with AdamW or LAMB, identically on every replica."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from trainer.models.kernels.compilation import kernel
from trainer.models.parameters import local_variable
from trainer.settings.training import TrainerSettings

NOT_DECAYED = ("LayerNorm", "layer_norm", "bias")  # substrings of names (BERT's exclusion list)


def is_decayed(name: str) -> bool:
    """Return whether weight decay applies to a parameter."""
    return not any(part in name for part in NOT_DECAYED)


class Optimizer:
    """Adam with decoupled weight decay, the decay multiplied by the learning rate; or LAMB.

    LAMB scales each weight's change to the norm of the weight (You et al. 2020), except for biases
    and layer normalization (ALBERT's `lamb_optimizer.py`).

    Create it in the strategy's scope. `slots` is its whole state, apart from the step.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], settings: TrainerSettings) -> None:
        self._variables = variables
        self._settings = settings
        self.slots = {
            f"{slot}/{name}": tf.Variable(tf.zeros_like(v), trainable=False, name=slot)
            for slot in ("first_moment", "second_moment")
            for name, v in variables.items()
        }

    def apply(
        self, gradients: Mapping[str, tf.Tensor], clip: tf.Tensor, rate: tf.Tensor, step: tf.Tensor
    ) -> None:
        """Update every variable; call it in a replica, with gradients summed over replicas.

        Args:
            gradients: by name, of any floating type.
            clip: () float32, factor of the gradients.
            rate: () float32, the learning rate.
            step: () int64, updates done so far.
        """
        scalars = tf.stack([clip, rate, tf.cast(step + 1, tf.float32)])
        for name, variable in self._variables.items():
            slots = (self.slots[f"{slot}/{name}"] for slot in ("first_moment", "second_moment"))
            own = [local_variable(each) for each in (variable, *slots)]
            _update(*own, gradients[name], scalars, **self._constants(is_decayed(name)))

    def _constants(self, is_decayed: bool) -> dict[str, Any]:
        s = self._settings
        return {
            "betas": (s.adam_beta_1, s.adam_beta_2),
            "epsilon": s.adam_epsilon,
            "is_corrected": s.adam_bias_correction,
            "decay": s.weight_decay if is_decayed else 0.0,
            "is_scaled": is_decayed and s.optimizer == "lamb",
        }


@kernel
def _update(
    variable: tf.Variable,
    first: tf.Variable,
    second: tf.Variable,
    gradient: tf.Tensor,
    scalars: tf.Tensor,
    **constants: Any,
) -> None:
    """Update a variable and its slots in a kernel, which writes to their own memory."""
    gradient = tf.cast(gradient, variable.dtype)
    state = variable.read_value(), first.read_value(), second.read_value()
    updated = _next_state(*state, gradient, scalars, **constants)
    for target, value in zip((variable, first, second), updated, strict=True):
        target.assign(value)


def _next_state(
    value: tf.Tensor,
    first: tf.Tensor,
    second: tf.Tensor,
    gradient: tf.Tensor,
    scalars: tf.Tensor,
    *,
    betas: tuple[float, float],
    epsilon: float,
    is_corrected: bool,
    decay: float,
    is_scaled: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return a variable and its moments after an update.

    `scalars` are the clip factor, the learning rate and the number of updates, this one included.
    """
    clip, rate, done = tf.unstack(scalars)
    gradient = gradient * clip
    first = betas[0] * first + (1 - betas[0]) * gradient
    second = betas[1] * second + (1 - betas[1]) * tf.square(gradient)
    mean, square = first, second
    if is_corrected:
        mean = mean / (1 - tf.pow(betas[0], done))
        square = square / (1 - tf.pow(betas[1], done))
    change = mean / (tf.sqrt(square) + epsilon) + decay * value
    if is_scaled:
        change *= _trust_ratio(tf.norm(value), tf.norm(change))
    return value - rate * change, first, second


def _trust_ratio(weight_norm: tf.Tensor, change_norm: tf.Tensor) -> tf.Tensor:
    """Return LAMB's trust ratio, which is 1 if a norm is 0."""
    known = (weight_norm > 0) & (change_norm > 0)
    return tf.where(known, tf.math.divide_no_nan(weight_norm, change_norm), 1.0)
