"""AdamW and LAMB over named variables, replica by replica the same."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from trainer.models.kernels import kernel
from trainer.settings import TrainerSettings

NOT_DECAYED = ("LayerNorm", "layer_norm", "bias")  # parts of names (BERT's exclusion list)


def is_decayed(name: str) -> bool:
    """Whether weight decay pulls at this parameter."""
    return not any(part in name for part in NOT_DECAYED)


class Optimizer:
    """Adam with decoupled weight decay, the decay multiplied by the learning rate; or LAMB.

    LAMB scales each weight's change to the weight's own norm (You et al. 2020), but not that of
    biases and normalisations (ALBERT's `lamb_optimizer.py`).

    Make it in the strategy's scope. `slots` is its whole state beside the step.
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
        self,
        gradients: Mapping[str, tf.Tensor],
        clip: tf.Tensor,
        rate: tf.Tensor,
        step: tf.Tensor,
    ) -> None:
        """Updates every variable; call it in a replica, with gradients summed over replicas.

        Args:
            gradients: by name, float32.
            clip: () float32, what they are multiplied by.
            rate: () float32, the learning rate.
            step: () int64, updates made so far.
        """
        context = tf.distribute.get_replica_context()
        scalars = tf.stack([clip, rate, tf.cast(step + 1, tf.float32)])
        context.merge_call(self._apply_everywhere, args=(gradients, scalars))

    def _apply_everywhere(
        self,
        strategy: tf.distribute.Strategy,
        gradients: Mapping[str, tf.Tensor],
        scalars: tf.Tensor,
    ) -> None:
        for name, variable in self._variables.items():
            first = self.slots[f"first_moment/{name}"]
            second = self.slots[f"second_moment/{name}"]
            update = self._make_update(is_decayed(name))
            strategy.extended.update(
                variable, update, args=(gradients[name], first, second, scalars)
            )

    def _make_update(self, is_decayed: bool) -> Callable[..., None]:
        s = self._settings
        constants = {
            "betas": (s.adam_beta_1, s.adam_beta_2),
            "epsilon": s.adam_epsilon,
            "is_corrected": s.adam_bias_correction,
            "decay": s.weight_decay if is_decayed else 0.0,
            "is_scaled": is_decayed and s.optimizer == "lamb",
        }

        def update(
            variable: tf.Variable,
            gradient: tf.Tensor,
            first: tf.Variable,
            second: tf.Variable,
            scalars: tf.Tensor,
        ) -> None:
            state = variable.read_value(), first.read_value(), second.read_value()
            new_value, new_first, new_second = _next_state(*state, gradient, scalars, **constants)
            variable.assign(new_value)
            first.assign(new_first)
            second.assign(new_second)

        return update


@kernel
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
    """A variable and its moments after an update; `scalars` are clip, rate and updates made."""
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
    """1 where one of the two is 0, as at the start."""
    known = (weight_norm > 0) & (change_norm > 0)
    return tf.where(known, tf.math.divide_no_nan(weight_norm, change_norm), 1.0)
