"""Token ids to hidden states: the transformer encoder that every model here shares."""

import tensorflow as tf

from trainer.architecture import Architecture
from trainer.models.layers import (
    MASKED_SCORE,
    Noise,
    Weights,
    activate,
    dense,
    layer_norm,
    look_up,
)
from trainer.models.names import EncoderNames, LayerNames
from trainer.models.parameters import (
    ParameterList,
    dense_parameters,
    embedding_parameters,
    layer_norm_parameters,
)


def encoder_parameters(names: EncoderNames, a: Architecture) -> ParameterList:
    """Every parameter of the encoder; layers that share names share weights."""
    h, e = a.hidden_size, names.embeddings
    parameters = {
        **embedding_parameters(f"{e}.word_embeddings", a.vocab_size, a.embedding_size),
        **embedding_parameters(f"{e}.position_embeddings", a.max_position, a.embedding_size),
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

    Returns:
        (B, L, H), the last layer's hidden states.
    """
    a = architecture
    x = _embed(weights, names, a, input_ids, segment_ids, noise)
    bias = tf.cast(1 - input_mask, tf.float32)[:, None, None, :] * MASKED_SCORE
    batch, length = _batch_and_length(input_ids)
    for layer in names.layers:
        attended = _attend(weights, layer, a, x, bias, (batch, length), noise)
        x = layer_norm(x + attended, weights, layer.attention_norm)
        inner = activate(dense(x, weights, layer.intermediate), a.activation)
        out = noise.drop(dense(inner, weights, layer.output), a.hidden_dropout)
        x = layer_norm(x + out, weights, layer.output_norm)
    return tf.reshape(x, [batch, length, a.hidden_size])


def _embed(
    weights: Weights,
    names: EncoderNames,
    architecture: Architecture,
    input_ids: tf.Tensor,
    segment_ids: tf.Tensor,
    noise: Noise,
) -> tf.Tensor:
    """Word + position + segment, normalised, and projected to the layers' width: (B * L, H)."""
    e = names.embeddings
    length = _batch_and_length(input_ids)[1]
    total = (
        look_up(weights[f"{e}.word_embeddings.weight"], input_ids)
        + weights[f"{e}.position_embeddings.weight"][None, :length]
        + look_up(weights[f"{e}.token_type_embeddings.weight"], segment_ids)
    )
    x = layer_norm(tf.reshape(total, [-1, total.shape[-1]]), weights, f"{e}.LayerNorm")
    x = noise.drop(x, architecture.hidden_dropout)
    return dense(x, weights, names.projection) if architecture.is_projected else x


def _attend(
    weights: Weights,
    layer: LayerNames,
    architecture: Architecture,
    x: tf.Tensor,
    bias: tf.Tensor,
    shape: tuple[int | tf.Tensor, int | tf.Tensor],
    noise: Noise,
) -> tf.Tensor:
    """Multi-head self-attention of x (B * L, H); bias is (B, 1, 1, L). Returns (B * L, H)."""
    a = architecture
    heads = [*shape, a.num_heads, a.head_size]
    query = tf.reshape(dense(x, weights, layer.query) * a.head_size**-0.5, heads)
    key = tf.reshape(dense(x, weights, layer.key), heads)
    value = tf.reshape(dense(x, weights, layer.value), heads)
    scores = tf.cast(tf.einsum("blad,bmad->balm", query, key), tf.float32) + bias
    shares = noise.drop(tf.cast(tf.nn.softmax(scores), x.dtype), a.attention_dropout)
    mixed = tf.einsum("balm,bmad->blad", shares, value)
    out = dense(tf.reshape(mixed, [-1, a.hidden_size]), weights, layer.attention_output)
    return noise.drop(out, a.hidden_dropout)


def _batch_and_length(ids: tf.Tensor) -> tuple[int | tf.Tensor, int | tf.Tensor]:
    """Static where they are known, as in training; a serving signature leaves them open."""
    dynamic = tf.shape(ids)
    batch, length = ids.shape
    return (dynamic[0] if batch is None else batch), (dynamic[1] if length is None else length)
