"""Each fast form equals its layer's definition, which TensorFlow differentiates."""

import inspect
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tensorflow as tf

from trainer.models import layers
from trainer.models.architecture import LAYER_NORM_EPSILON, MASKED_SCORE
from trainer.models.kernels.compilation import Compilation, compiled
from trainer.models.kernels.dropout import drop, keep_mask
from trainer.models.kernels.sums import LARGE, PIECES, VECTOR, sum_squares
from trainer.models.layers import (
    add_and_norm,
    attend,
    gelu,
    layer_norm,
    split_heads,
)
from trainer.models.noise import Noise
from trainer.objectives.masked_lm import cross_entropy, masked_lm_measures

SEED = np.array([3, 4], np.int32)
RATE = 0.25
SHAPE = (2, 5, 3, 4, 8)  # B, L, C, A, H / A
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], np.int32)
IDS = np.array([[3, 0, 7], [1, 1, 9]], np.int32)
WEIGHTS = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]], np.float32)
WIDE = PIECES * VECTOR + 5  # columns: pieces, and a rest

Function = Callable[..., tf.Tensor | tuple[tf.Tensor, ...]]


def wide(x: tf.Tensor) -> tf.Tensor:
    """As normalization's scale and shift are in every computation."""
    return tf.cast(x, tf.float32)


def normalized(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + LAYER_NORM_EPSILON) * scale + shift


def summed_losses(scores: tf.Tensor) -> tf.Tensor:
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.reshape(IDS, [-1]), scores)
    return tf.reduce_sum(losses * tf.reshape(WEIGHTS, [-1]))


def heads(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, ...]:
    return tuple(tf.unstack(tf.transpose(tf.reshape(x + bias, SHAPE), [2, 0, 3, 1, 4])))


def attention(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    bias = tf.cast(1 - MASK, tf.float32)[:, None, None, :] * MASKED_SCORE
    scores = tf.matmul(query, key, transpose_b=True)
    return tf.matmul(drop(tf.nn.softmax(scores * 0.3 + bias), SEED, RATE), value)


# name: the fast form, its definition, the shapes of its arguments
OPERATIONS: dict[str, tuple[Function, Function, Sequence[tuple[int, ...]]]] = {
    "gelu": (
        lambda x, b: gelu(x, b, form="gelu"),
        lambda x, b: tf.nn.gelu(x + b),
        [(6, 64), (64,)],
    ),
    "gelu by tanh": (
        lambda x, b: gelu(x, b, form="gelu_new"),
        lambda x, b: tf.nn.gelu(x + b, approximate=True),
        [(6, 64), (64,)],
    ),
    "normalization": (
        lambda x, s, t: layer_norm(x, wide(s), wide(t)),
        normalized,
        [(6, 96), (96,), (96,)],
    ),
    "end of a block": (
        lambda x, c, b, s, t: add_and_norm(x, c, b, wide(s), wide(t), SEED, rate=RATE),
        lambda x, c, b, s, t: normalized(x + drop(c + b, SEED, RATE), s, t),
        [(6, 96), (6, 96), (96,), (96,), (96,)],
    ),
    "end of a block, nothing dropped": (
        lambda x, c, b, s, t: add_and_norm(x, c, b, wide(s), wide(t), SEED, rate=0.0),
        lambda x, c, b, s, t: normalized(x + c + b, s, t),
        [(6, 30), (6, 30), (30,), (30,), (30,)],
    ),
    "end of the embeddings": (
        lambda x, s, t: layers.drop(layer_norm(x, wide(s), wide(t)), SEED, rate=RATE),
        lambda x, s, t: drop(normalized(x, s, t), SEED, RATE),
        [(6, 96), (96,), (96,)],
    ),
    "heads": (lambda x, b: split_heads(x, b, shape=SHAPE), heads, [(10, 96), (96,)]),
    "attention": (
        lambda q, k, v: attend(q, k, v, MASK, SEED, scale=0.3, rate=RATE),
        attention,
        [(2, 4, 3, 8), (2, 4, 5, 8), (2, 4, 5, 8)],
    ),
    "cross-entropy": (
        lambda x: masked_lm_measures(x, IDS, WEIGHTS)[0].numerator,
        summed_losses,
        [(6, WIDE)],
    ),
    "squares": (sum_squares, lambda x: tf.reduce_sum(x * x), [(LARGE // 64 + 1, 67)]),
}


@pytest.mark.parametrize("what", [Compilation.KERNELS, Compilation.NOTHING])
@pytest.mark.parametrize("name", OPERATIONS)
def test_results_and_gradients_equal_those_of_the_definition(name: str, what: Compilation) -> None:
    fast, definition, shapes = OPERATIONS[name]
    arguments = draw(shapes, tf.float32)
    ours, expected = derive(fast, arguments, what), derive(definition, arguments)
    for mine, theirs in zip(ours, expected, strict=True):
        scale = float(tf.reduce_max(tf.abs(theirs)))
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=2e-6 * scale)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "squares"])
def test_bfloat16_differs_by_a_few_roundings_only(name: str) -> None:
    """The definition is computed in float32; a rounding is 2^-9."""
    fast, definition, shapes = OPERATIONS[name]
    arguments = draw(shapes, tf.bfloat16)
    ours = derive(fast, arguments, Compilation.KERNELS)
    expected = derive(definition, [tf.cast(x, tf.float32) for x in arguments])
    for mine, theirs in zip(ours, expected, strict=True):
        error = tf.sqrt(tf.reduce_mean(tf.square(tf.cast(mine, tf.float32) - theirs)))
        assert float(error) < 0.01 * float(tf.sqrt(tf.reduce_mean(tf.square(theirs))))


MATHEMATICS: list[tuple[Function, Sequence[tuple[int, ...] | np.ndarray], dict[str, object]]] = [
    (layers.add_bias, [(6, 64), (64,)], {}),
    (layers.gelu, [(6, 64), (64,)], {"form": "gelu"}),
    (layers.gelu, [(6, 64), (64,)], {"form": "gelu_new"}),
    (layers.layer_norm, [(6, 96), (96,), (96,)], {}),
    (layers.add_and_norm, [(6, 96), (6, 96), (96,), (96,), (96,), SEED], {"rate": RATE}),
    (layers.drop, [(6, 96), SEED], {"rate": RATE}),
    (layers.split_heads, [(10, 96), (96,)], {"shape": SHAPE}),
    (
        layers.attend,
        [(2, 4, 3, 8), (2, 4, 5, 8), (2, 4, 5, 8), MASK, SEED],
        {"scale": 0.3, "rate": RATE},
    ),
    (layers.look_up, [(10, 8), IDS], {}),
    (cross_entropy, [(6, WIDE), IDS.reshape(-1)], {}),
]


@pytest.mark.parametrize(("layer", "arguments", "constants"), MATHEMATICS)
def test_what_runs_is_the_mathematics_that_a_layer_states(
    layer: Function,
    arguments: Sequence[tuple[int, ...] | np.ndarray],
    constants: dict[str, object],
) -> None:
    tensors = [
        draw([argument], tf.float32)[0] if isinstance(argument, tuple) else tf.constant(argument)
        for argument in arguments
    ]
    with compiled(Compilation.KERNELS):
        computed = tf.nest.flatten(layer(*tensors, **constants))
    stated = tf.nest.flatten(inspect.unwrap(layer)(*tensors, **constants))
    for mine, theirs in zip(computed, stated, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_a_token_is_best_only_if_no_token_scores_more() -> None:
    scores = np.zeros([6, WIDE], np.float32)
    scores[np.arange(6), np.reshape(IDS, -1)] = 1.0
    scores[1, WIDE - 1] = 2.0  # among the columns after the last piece
    scores[2, 40] = 1.0  # as good, not better
    with compiled(Compilation.KERNELS):
        accuracy = masked_lm_measures(tf.constant(scores), IDS, WEIGHTS)[1]
    assert (float(accuracy.numerator), float(accuracy.denominator)) == (4.0, 5.0)


def test_scores_whose_exponential_overflows_give_a_finite_loss() -> None:
    scores = tf.constant(np.linspace(-3e4, 3e4, 6 * WIDE, dtype=np.float32).reshape(6, WIDE))
    with compiled(Compilation.KERNELS):
        loss = masked_lm_measures(scores, IDS, WEIGHTS)[0].numerator
    assert np.isclose(float(loss), float(summed_losses(scores)), rtol=1e-5)


def test_dropout_calls_of_a_step_drop_independent_units() -> None:
    noise = Noise(tf.constant([123456789, 777]))
    shape = [4096, 128]
    dropped = [~keep_mask(shape, *noise.next_dropout(0.1)).numpy() for _ in range(4)]
    per_row = np.array([mask.sum(-1) for mask in dropped])
    correlations = np.corrcoef(per_row)[np.triu_indices(4, k=1)]
    assert np.abs(correlations).max() < 0.08  # five standard errors
    assert abs(np.mean(dropped) - 0.1) < 0.001


def draw(shapes: Sequence[tuple[int, ...]], dtype: tf.DType) -> list[tf.Tensor]:
    rng = np.random.default_rng(5)
    return [tf.constant(rng.standard_normal(shape), dtype) for shape in shapes]


def derive(
    function: Function, arguments: Sequence[tf.Tensor], what: Compilation = Compilation.NOTHING
) -> list[tf.Tensor]:
    """Return a function's results, and its gradients for fixed gradients of the results."""
    with compiled(what), tf.GradientTape() as tape:
        tape.watch(arguments)
        results = tf.nest.flatten(function(*arguments))
        rng = np.random.default_rng(6)
        upstream = [tf.constant(rng.standard_normal(y.shape), y.dtype) for y in results]
        gradients = tape.gradient(results, arguments, upstream)
    return [*results, *gradients]
