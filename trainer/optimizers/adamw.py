"""AdamW and LAMB over named variables, replica by replica the same."""

from collections.abc import Callable, Mapping

import tensorflow as tf

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

    def apply(self, gradients: Mapping[str, tf.Tensor], rate: tf.Tensor, step: tf.Tensor) -> None:
        """Updates every variable; call it in a replica, with gradients summed over replicas.

        Args:
            gradients: by name, float32, clipped.
            rate: () float32, the learning rate.
            step: () int64, updates made so far.
        """
        context = tf.distribute.get_replica_context()
        context.merge_call(self._apply_everywhere, args=(gradients, rate, step))

    def _apply_everywhere(
        self,
        strategy: tf.distribute.Strategy,
        gradients: Mapping[str, tf.Tensor],
        rate: tf.Tensor,
        step: tf.Tensor,
    ) -> None:
        for name, variable in self._variables.items():
            first = self.slots[f"first_moment/{name}"]
            second = self.slots[f"second_moment/{name}"]
            update = self._make_update(is_decayed(name))
            strategy.extended.update(
                variable, update, args=(gradients[name], first, second, rate, step)
            )

    def _make_update(self, is_decayed: bool) -> Callable[..., None]:
        s = self._settings

        def update(
            variable: tf.Variable,
            gradient: tf.Tensor,
            first: tf.Variable,
            second: tf.Variable,
            rate: tf.Tensor,
            step: tf.Tensor,
        ) -> None:
            mean = first.assign(s.adam_beta_1 * first + (1 - s.adam_beta_1) * gradient)
            square = second.assign(
                s.adam_beta_2 * second + (1 - s.adam_beta_2) * tf.square(gradient)
            )
            if s.adam_bias_correction:
                done = tf.cast(step + 1, tf.float32)
                mean = mean / (1 - tf.pow(s.adam_beta_1, done))
                square = square / (1 - tf.pow(s.adam_beta_2, done))
            change = mean / (tf.sqrt(square) + s.adam_epsilon)
            if is_decayed:
                change += s.weight_decay * variable
            if is_decayed and s.optimizer == "lamb":
                change *= _trust_ratio(tf.norm(variable), tf.norm(change))
            variable.assign_sub(rate * change)

        return update


def _trust_ratio(weight_norm: tf.Tensor, change_norm: tf.Tensor) -> tf.Tensor:
    """1 where one of the two is 0, as at the start."""
    known = (weight_norm > 0) & (change_norm > 0)
    return tf.where(known, tf.math.divide_no_nan(weight_norm, change_norm), 1.0)
