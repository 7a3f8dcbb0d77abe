"""Hidden states to scores of every token, at the masked slots alone."""

from dataclasses import dataclass

import tensorflow as tf

from trainer.models.architecture import Architecture
from trainer.models.layers import (
    Weights,
    activate,
    add_bias,
    layer_norm,
    norm_weights,
    product,
)
from trainer.models.parameters import (
    Parameter,
    ParameterList,
    dense_parameters,
    layer_norm_parameters,
)


@dataclass(frozen=True)
class HeadNames:
    """What Hugging Face calls the parts of a masked-token head."""

    dense: str
    norm: str
    bias: str
    words: str  # the word table, which is also the output layer's weight


def head_parameters(names: HeadNames, a: Architecture) -> ParameterList:
    """Every parameter but the word table, which is the encoder's."""
    return {
        **dense_parameters(names.dense, a.hidden_size, a.embedding_size),
        **layer_norm_parameters(names.norm, a.embedding_size),
        names.bias: Parameter((a.vocab_size,), "zeros"),
    }


def score_tokens(
    weights: Weights,
    names: HeadNames,
    architecture: Architecture,
    hidden: tf.Tensor,
) -> tf.Tensor:
    """Scores of every token.

    Args:
        weights: by name.
        names: where the head's weights are.
        architecture: for the activation.
        hidden: (B, N, H), from the encoder at the masked slots alone: all L would cost L / N times
            as much.

    Returns:
        (B * N, V), in the type of the computation.
    """
    x = product(tf.reshape(hidden, [-1, hidden.shape[-1]]), weights, names.dense)
    x = activate(x, weights[f"{names.dense}.bias"], form=architecture.activation)
    x = layer_norm(x, *norm_weights(weights, names.norm))
    logits = tf.matmul(x, weights[names.words], transpose_b=True)
    return add_bias(logits, weights[names.bias])
