"""Token ids to hidden states: the transformer encoder that every model here shares."""

import tensorflow as tf

from trainer.models.architecture import Architecture
from trainer.models.attention import attend
from trainer.models.layers import (
    Weights,
    activate,
    add_and_norm,
    dense,
    look_up,
    norm_and_drop,
    norm_weights,
    product,
    size,
)
from trainer.models.names import EncoderNames, LayerNames
from trainer.models.noise import Noise
from trainer.models.parameters import (
    ParameterList,
    dense_parameters,
    embedding_parameters,
    layer_norm_parameters,
    position_parameters,
)


def encoder_parameters(names: EncoderNames, a: Architecture) -> ParameterList:
    """Every parameter of the encoder; layers that share names share weights."""
    h, e = a.hidden_size, names.embeddings
    parameters = {
        **embedding_parameters(f"{e}.word_embeddings", a.vocab_size, a.embedding_size),
        **position_parameters(
            f"{e}.position_embeddings", a.max_position, a.embedding_size, a.position_start
        ),
        **embedding_parameters(f"{e}.token_type_embeddings", a.type_vocab_size, a.embedding_size),
        **layer_norm_parameters(f"{e}.LayerNorm", a.embedding_size),
    }
    if a.is_projected:
        parameters |= dense_parameters(names.projection, a.embedding_size, h)
    for layer in names.layers:
        parameters |= {
            **dense_parameters(layer.query, h, h),
            **dense_parameters(layer.key, h, h),
            **dense_parameters(layer.value, h, h),
            **dense_parameters(layer.attention_output, h, h),
            **layer_norm_parameters(layer.attention_norm, h),
            **dense_parameters(layer.intermediate, h, a.intermediate_size),
            **dense_parameters(layer.output, a.intermediate_size, h),
            **layer_norm_parameters(layer.output_norm, h),
        }
    return parameters


def encode(
    weights: Weights,
    names: EncoderNames,
    architecture: Architecture,
    input_ids: tf.Tensor,
    input_mask: tf.Tensor,
    segment_ids: tf.Tensor,
    noise: Noise,
    at: tf.Tensor | None = None,
) -> tf.Tensor:
    """Runs the encoder.

    Args:
        weights: by name, in the type of the computation.
        names: where the encoder's weights are.
        architecture: its sizes.
        input_ids: (B, L) int32.
        input_mask: (B, L) int32, 1 on real tokens.
        segment_ids: (B, L) int32.
        noise: for dropout; `NO_NOISE` outside training.
        at: (B, Q) int32, the positions whose hidden states are wanted; None: all. Only these are
            worked out in the last layer, which saves three quarters of it where Q is L / 6.

    Returns:
        (B, L, H) or (B, Q, H), the last layer's hidden states.
    """
    x = _embed(weights, names, architecture, input_ids, segment_ids, noise)
    for number, layer in enumerate(names.layers):
        is_last = number == len(names.layers) - 1
        asking = x if at is None or not is_last else tf.gather(x, at, batch_dims=1)
        mixed = attend(weights, layer, architecture, asking, x, input_mask, noise)
        x = _transform(weights, layer, architecture, asking, mixed, noise)
    return x


def _transform(
    weights: Weights,
    layer: LayerNames,
    architecture: Architecture,
    x: tf.Tensor,
    mixed: tf.Tensor,
    noise: Noise,
) -> tf.Tensor:
    """The rest of a layer, token by token: x and what attention made of it, both (B, L, H)."""
    a = architecture

    def end_block(x: tf.Tensor, inner: tf.Tensor, last: str, norm: str) -> tf.Tensor:
        change, bias = product(inner, weights, last), weights[f"{last}.bias"]
        seed, share = noise.next_seed(), noise.share(a.hidden_dropout)
        return add_and_norm(x, change, bias, *norm_weights(weights, norm), seed, share=share)

    rows, mixed = (tf.reshape(y, [-1, a.hidden_size]) for y in (x, mixed))
    rows = end_block(rows, mixed, layer.attention_output, layer.attention_norm)
    inner = product(rows, weights, layer.intermediate)
    inner = activate(inner, weights[f"{layer.intermediate}.bias"], form=a.activation)
    rows = end_block(rows, inner, layer.output, layer.output_norm)
    return tf.reshape(rows, size(x))


def _embed(
    weights: Weights,
    names: EncoderNames,
    architecture: Architecture,
    input_ids: tf.Tensor,
    segment_ids: tf.Tensor,
    noise: Noise,
) -> tf.Tensor:
    """Word + position + segment, normalised, and projected to the layers' width: (B, L, H)."""
    e = names.embeddings
    batch, length = size(input_ids)
    total = (
        look_up(weights[f"{e}.word_embeddings.weight"], input_ids)
        + weights[f"{e}.position_embeddings.weight"][None, :length]
        + look_up(weights[f"{e}.token_type_embeddings.weight"], segment_ids)
    )
    x = norm_and_drop(
        tf.reshape(total, [-1, total.shape[-1]]),
        *norm_weights(weights, f"{e}.LayerNorm"),
        noise.next_seed(),
        share=noise.share(architecture.hidden_dropout),
    )
    x = dense(x, weights, names.projection) if architecture.is_projected else x
    return tf.reshape(x, [batch, length, architecture.hidden_size])
