"""Define the blocks that the models are made of: embeddings, transformer layer, token head.

Each block has two functions: one lists its parameters, one computes it. A block's names say under
which of Hugging Face's names its weights are.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import tensorflow as tf

from trainer.models.architecture import Architecture
from trainer.models.layers import (
    Weights,
    add_and_norm,
    add_bias,
    attend,
    dense,
    dense_gelu,
    drop,
    layer_norm,
    look_up,
    norm_weights,
    product,
    sizes,
    split_heads,
)
from trainer.models.noise import Noise
from trainer.models.parameters import (
    Parameter,
    ParameterList,
    Start,
    dense_parameters,
    embedding_parameters,
    layer_norm_parameters,
)

DROPOUTS_PER_LAYER = 3  # of attention's probabilities, and at the end of two blocks


@dataclass(frozen=True)
class LayerNames:
    """Names of a transformer layer's weights."""

    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str

    def weights(self) -> list[str]:
        """Return the full names of all weights."""
        return [f"{name}.{part}" for name in astuple(self) for part in ("weight", "bias")]


@dataclass(frozen=True)
class HeadNames:
    """Names of a token head's weights."""

    dense: str
    norm: str
    bias: str
    words: str  # the word embeddings, which are also the output layer's weight


def embeddings_parameters(name: str, projection: str, a: Architecture) -> ParameterList:
    """List the parameters of `embed`."""
    projected = dense_parameters(projection, a.embedding_size, a.hidden_size)
    positions: Start = "sinusoidal" if a.position_start == "sinusoidal" else "normal"
    return {
        **embedding_parameters(f"{name}.word_embeddings", a.vocab_size, a.embedding_size),
        **embedding_parameters(
            f"{name}.position_embeddings", a.max_position, a.embedding_size, positions
        ),
        **embedding_parameters(
            f"{name}.token_type_embeddings", a.type_vocab_size, a.embedding_size
        ),
        **layer_norm_parameters(f"{name}.LayerNorm", a.embedding_size),
        **(projected if a.is_projected else {}),
    }


def embed(
    weights: Weights,
    name: str,
    projection: str,
    a: Architecture,
    input_ids: tf.Tensor,
    segment_ids: tf.Tensor,
    noise: Noise,
) -> tf.Tensor:
    """Embed tokens: dropout(layer_norm(word + position + segment)), projected to H if narrower.

    `input_ids` and `segment_ids` are (B, L) int32; the result is (B, L, H).
    """
    batch, length = sizes(input_ids)
    total = (
        look_up(weights[f"{name}.word_embeddings.weight"], input_ids)
        + weights[f"{name}.position_embeddings.weight"][None, :length]
        + look_up(weights[f"{name}.token_type_embeddings.weight"], segment_ids)
    )
    rows = tf.reshape(total, [-1, a.embedding_size])
    seed, rate = noise.next_dropout(a.hidden_dropout)
    x = drop(layer_norm(rows, *norm_weights(weights, f"{name}.LayerNorm")), seed, rate=rate)
    x = dense(x, weights, projection) if a.is_projected else x
    return tf.reshape(x, [batch, length, a.hidden_size])


def layer_parameters(names: LayerNames, a: Architecture) -> ParameterList:
    """List the parameters of `transformer_layer`."""
    h = a.hidden_size
    return {
        **dense_parameters(names.query, h, h),
        **dense_parameters(names.key, h, h),
        **dense_parameters(names.value, h, h),
        **dense_parameters(names.attention_output, h, h),
        **layer_norm_parameters(names.attention_norm, h),
        **dense_parameters(names.intermediate, h, a.intermediate_size),
        **dense_parameters(names.output, a.intermediate_size, h),
        **layer_norm_parameters(names.output_norm, h),
    }


def transformer_layer(
    weights: Weights,
    names: LayerNames,
    a: Architecture,
    queries: tf.Tensor,
    x: tf.Tensor,
    input_mask: tf.Tensor,
    noise: Noise,
) -> tf.Tensor:
    """Compute a post-norm transformer layer (Vaswani et al. 2017).

        y = layer_norm(queries + dropout(dense(attention(queries, x))))
        z = layer_norm(y + dropout(dense(gelu(dense(y)))))

    Args:
        weights: by name.
        names: of the layer's weights.
        a: sizes, dropout rates and activation.
        queries: (B, Q, H), the tokens to compute; x itself for all.
        x: (B, L, H), the tokens that they attend to.
        input_mask: (B, L) int32, 1 on real tokens.
        noise: for dropout.

    Returns:
        z, (B, Q, H).
    """
    mixed = multi_head_attention(weights, names, a, queries, x, input_mask, noise)
    rows, mixed = (tf.reshape(y, [-1, a.hidden_size]) for y in (queries, mixed))
    rows = _end_block(weights, names.attention_output, names.attention_norm, a, rows, mixed, noise)
    inner = dense_gelu(rows, weights, names.intermediate, form=a.activation)
    rows = _end_block(weights, names.output, names.output_norm, a, rows, inner, noise)
    return tf.reshape(rows, sizes(queries))


def multi_head_attention(
    weights: Weights,
    names: LayerNames,
    a: Architecture,
    queries: tf.Tensor,
    x: tf.Tensor,
    input_mask: tf.Tensor,
    noise: Noise,
) -> tf.Tensor:
    """Compute multi-head attention from the queries to x; arguments as in `transformer_layer`.

        softmax(query key^T / sqrt(H / A)) value, for each head; then the heads side by side

    Returns:
        (B, Q, H), not yet projected.
    """
    if queries is x:
        query, key, value = _project_heads(weights, [names.query, names.key, names.value], x, a)
    else:
        (query,) = _project_heads(weights, [names.query], queries, a)
        key, value = _project_heads(weights, [names.key, names.value], x, a)
    seed, rate = noise.next_dropout(a.attention_dropout)
    heads = attend(query, key, value, input_mask, seed, scale=a.head_size**-0.5, rate=rate)
    return tf.reshape(tf.transpose(heads, [0, 2, 1, 3]), [*sizes(queries)[:2], a.hidden_size])


def _project_heads(
    weights: Weights, names: Sequence[str], x: tf.Tensor, a: Architecture
) -> tuple[tf.Tensor, ...]:
    """Apply linear layers to x (B, L, H) and split each result by heads: (B, A, L, H / A).

    One product of several times the width is faster than several products.
    """
    weight = tf.concat([weights[f"{name}.weight"] for name in names], 0)
    bias = tf.concat([weights[f"{name}.bias"] for name in names], 0)
    together = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), weight, transpose_b=True)
    shape = (*sizes(x)[:2], len(names), a.num_heads, a.head_size)
    return split_heads(together, bias, shape=shape)


def _end_block(
    weights: Weights,
    last: str,
    norm: str,
    a: Architecture,
    rows: tf.Tensor,
    inner: tf.Tensor,
    noise: Noise,
) -> tf.Tensor:
    """Compute layer_norm(rows + dropout(dense(inner))) from a block's input and inner result."""
    change, bias = product(inner, weights, last), weights[f"{last}.bias"]
    seed, rate = noise.next_dropout(a.hidden_dropout)
    return add_and_norm(rows, change, bias, *norm_weights(weights, norm), seed, rate=rate)


def head_parameters(names: HeadNames, a: Architecture) -> ParameterList:
    """List the parameters of `score_tokens`, except for the word embeddings."""
    return {
        **dense_parameters(names.dense, a.hidden_size, a.embedding_size),
        **layer_norm_parameters(names.norm, a.embedding_size),
        names.bias: Parameter((a.vocab_size,), "zeros"),
    }


def score_tokens(
    weights: Weights, names: HeadNames, a: Architecture, hidden: tf.Tensor
) -> tf.Tensor:
    """Score every token of the vocabulary: layer_norm(gelu(dense(hidden))) words^T + bias.

    `hidden` (B, N, H) is the last layer at the masked slots; all L would cost L / N times as much.

    Returns:
        (B * N, V), in the type of the computation.
    """
    rows = tf.reshape(hidden, [-1, hidden.shape[-1]])
    x = dense_gelu(rows, weights, names.dense, form=a.activation)
    x = layer_norm(x, *norm_weights(weights, names.norm))
    return add_bias(tf.matmul(x, weights[names.words], transpose_b=True), weights[names.bias])
