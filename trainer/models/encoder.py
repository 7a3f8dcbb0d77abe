"""Token ids to hidden states: the transformer encoder that every model here shares."""

from dataclasses import dataclass

import tensorflow as tf

from trainer.architecture import Architecture
from trainer.models.layers import (
    MASKED_SCORE,
    Dropout,
    Weights,
    dense,
    layer_norm,
    look_up,
)
from trainer.models.parameters import (
    ParameterList,
    dense_parameters,
    embedding_parameters,
    layer_norm_parameters,
)


@dataclass(frozen=True)
class LayerNames:
    """What Hugging Face calls the parts of one layer."""

    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str


@dataclass(frozen=True)
class EncoderNames:
    """What Hugging Face calls the parts of an encoder."""

    embeddings: str
    layers: tuple[LayerNames, ...]


def bert_names(prefix: str, num_layers: int) -> EncoderNames:
    """The names that BERT has, under a prefix."""
    return EncoderNames(
        embeddings=f"{prefix}.embeddings",
        layers=tuple(_bert_layer(f"{prefix}.encoder.layer.{n}") for n in range(num_layers)),
    )


def _bert_layer(layer: str) -> LayerNames:
    return LayerNames(
        query=f"{layer}.attention.self.query",
        key=f"{layer}.attention.self.key",
        value=f"{layer}.attention.self.value",
        attention_output=f"{layer}.attention.output.dense",
        attention_norm=f"{layer}.attention.output.LayerNorm",
        intermediate=f"{layer}.intermediate.dense",
        output=f"{layer}.output.dense",
        output_norm=f"{layer}.output.LayerNorm",
    )


def encoder_parameters(names: EncoderNames, a: Architecture) -> ParameterList:
    """Every parameter of the encoder."""
    h, e = a.hidden_size, names.embeddings
    parameters = {
        **embedding_parameters(f"{e}.word_embeddings", a.vocab_size, h),
        **embedding_parameters(f"{e}.position_embeddings", a.max_position, h),
        **embedding_parameters(f"{e}.token_type_embeddings", a.type_vocab_size, h),
        **layer_norm_parameters(f"{e}.LayerNorm", h),
    }
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
    dropout: Dropout,
) -> tf.Tensor:
    """Runs the encoder.

    Args:
        weights: by name, in the type of the computation.
        names: where the encoder's weights are.
        architecture: its sizes.
        input_ids: (B, L) int32.
        input_mask: (B, L) int32, 1 on real tokens.
        segment_ids: (B, L) int32.
        dropout: switched off outside training.

    Returns:
        (B, L, H), the last layer's hidden states.
    """
    x = _embed(weights, names.embeddings, architecture, input_ids, segment_ids, dropout)
    bias = tf.cast(1 - input_mask, tf.float32)[:, None, None, :] * MASKED_SCORE
    batch, length = _batch_and_length(input_ids)
    for layer in names.layers:
        attended = _attend(weights, layer, architecture, x, bias, (batch, length), dropout)
        x = layer_norm(x + attended, weights, layer.attention_norm)
        inner = tf.nn.gelu(dense(x, weights, layer.intermediate))
        out = dropout(dense(inner, weights, layer.output), architecture.hidden_dropout)
        x = layer_norm(x + out, weights, layer.output_norm)
    return tf.reshape(x, [batch, length, architecture.hidden_size])


def _embed(
    weights: Weights,
    names: str,
    architecture: Architecture,
    input_ids: tf.Tensor,
    segment_ids: tf.Tensor,
    dropout: Dropout,
) -> tf.Tensor:
    """Word + position + segment, normalised: (B * L, H)."""
    length = _batch_and_length(input_ids)[1]
    total = (
        look_up(weights[f"{names}.word_embeddings.weight"], input_ids)
        + weights[f"{names}.position_embeddings.weight"][None, :length]
        + look_up(weights[f"{names}.token_type_embeddings.weight"], segment_ids)
    )
    x = layer_norm(tf.reshape(total, [-1, total.shape[-1]]), weights, f"{names}.LayerNorm")
    return dropout(x, architecture.hidden_dropout)


def _attend(
    weights: Weights,
    layer: LayerNames,
    architecture: Architecture,
    x: tf.Tensor,
    bias: tf.Tensor,
    shape: tuple[int | tf.Tensor, int | tf.Tensor],
    dropout: Dropout,
) -> tf.Tensor:
    """Multi-head self-attention of x (B * L, H); bias is (B, 1, 1, L). Returns (B * L, H)."""
    a = architecture
    heads = [*shape, a.num_heads, a.head_size]
    query = tf.reshape(dense(x, weights, layer.query) * a.head_size**-0.5, heads)
    key = tf.reshape(dense(x, weights, layer.key), heads)
    value = tf.reshape(dense(x, weights, layer.value), heads)
    scores = tf.cast(tf.einsum("blad,bmad->balm", query, key), tf.float32) + bias
    shares = dropout(tf.cast(tf.nn.softmax(scores), x.dtype), a.attention_dropout)
    mixed = tf.einsum("balm,bmad->blad", shares, value)
    out = dense(tf.reshape(mixed, [-1, a.hidden_size]), weights, layer.attention_output)
    return dropout(out, a.hidden_dropout)


def _batch_and_length(ids: tf.Tensor) -> tuple[int | tf.Tensor, int | tf.Tensor]:
    """Static where they are known, as in training; a serving signature leaves them open."""
    dynamic = tf.shape(ids)
    batch, length = ids.shape
    return (dynamic[0] if batch is None else batch), (dynamic[1] if length is None else length)
