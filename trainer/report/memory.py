"""Predict the peak memory of a compiled training step, and the largest batch that fits.

    peak = weights with their moments
         + sums of gradients, if there are several parts or replicas
         + what all layers keep for the backward pass
         + the larger of the scores of the vocabulary (with ELECTRA's table to sample from) and
           what one layer's backward pass adds

`make tpu-compile` compares it with what Google's compiler plans for a TPU v5e; docs/performance.md
has the table. GPUs were not compared.
"""

from trainer.models.architecture import Architecture, generator_architecture
from trainer.models.families import build_model
from trainer.models.parameters import count_parameters
from trainer.settings.training import TrainerSettings

FLOAT32 = 4
STATES = 3  # of a weight: its value and two moments
# What a layer keeps: query, key, value, mixed heads, and three of the four tensors at the ends of
# its blocks (XLA computes one of them again); the intermediate values before and after activation.
HIDDEN_KEPT = 7  # tensors (tokens, H)
INNER_KEPT = 2  # tensors (tokens, I)
LAST_KEPT = 2  # tensors (tokens, H) of a last layer at few positions: key and value
ATTENTION = 2  # tensors (rows, A, L, L) in the backward pass of a layer
# Bytes per score of the generator, while tokens are sampled: its probability in float32, in a table
# that a TPU pads to its tiles.
SAMPLING = FLOAT32 * 1.5


def predict_memory(
    a: Architecture,
    s: TrainerSettings,
    *,
    seq_length: int,
    slots: int,
    rows: int,
    replicas: int = 1,
) -> int:
    """Return the peak memory in bytes of a step on each replica.

    Args:
        a: the model's sizes.
        s: parts, precision and recomputation.
        seq_length: tokens per instance.
        slots: masked tokens per instance.
        rows: instances that a replica computes at once (`rows_at_once`).
        replicas: number of devices.
    """
    size = 2 if s.compute_type == "bfloat16" else FLOAT32
    weights = count_parameters(build_model(a).parameters())
    sums = weights * FLOAT32 if s.accumulate_steps > 1 or replicas > 1 else 0
    tokens, is_electra = rows * seq_length, a.type == "electra"
    kept = _kept(a, s, tokens, is_last_whole=is_electra)
    if is_electra:
        kept += _kept(generator_architecture(a), s, tokens, is_last_whole=False)
        if a.embedding_sharing == "disentangled":
            kept += a.vocab_size * a.embedding_size  # the sum of both sets of words
    attention = ATTENTION * rows * a.num_heads * seq_length**2
    layer = tokens * a.intermediate_size + attention
    score = size + (SAMPLING if is_electra else 0)
    most = max(layer * size, rows * slots * a.vocab_size * score)
    return round(weights * STATES * FLOAT32 + sums + kept * size + most)


def rows_at_once(s: TrainerSettings, replicas: int) -> int:
    """Return the instances that each replica computes at once."""
    return -(-s.global_batch_size // (replicas * s.accumulate_steps))


def largest_batch(
    a: Architecture,
    s: TrainerSettings,
    *,
    seq_length: int,
    slots: int,
    memory: float,
    replicas: int = 1,
) -> int:
    """Return how many instances fit into a device's memory at once; 0 if not even one does."""

    def fits(rows: int) -> bool:
        shape = {"seq_length": seq_length, "slots": slots, "rows": rows}
        return predict_memory(a, s, **shape, replicas=replicas) <= memory

    low, high = 0, 1
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _kept(a: Architecture, s: TrainerSettings, tokens: int, *, is_last_whole: bool) -> int:
    """Return how many numbers an encoder keeps for the backward pass."""
    layer = HIDDEN_KEPT * a.hidden_size + INNER_KEPT * a.intermediate_size
    last = layer if is_last_whole else LAST_KEPT * a.hidden_size
    others = a.num_layers - 1
    if s.recompute == "layers":  # the input of each, and all of the one that is recomputed
        kept = others * a.hidden_size + (layer if others else 0) + last
    else:
        kept = others * layer + last
    return tokens * (kept + a.embedding_size)
