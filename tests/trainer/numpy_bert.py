"""BERT's forward pass and losses, written once more in NumPy and double precision."""

import math

import numpy as np

Arrays = dict[str, np.ndarray]
erf = np.vectorize(math.erf)


def numpy_losses(
    values: Arrays, batch: Arrays, *, num_layers: int, num_heads: int
) -> tuple[float, float]:
    """Masked-token loss and next-sentence loss of a batch, each a mean."""
    w = {name: value.astype(np.float64) for name, value in values.items()}
    hidden = _encode(w, batch, num_layers, num_heads)
    rows = np.arange(len(hidden))[:, None]
    masked = hidden[rows, batch["masked_lm_positions"]]
    x = _gelu(_dense(masked, w, "cls.predictions.transform.dense"))
    x = _norm(x, w, "cls.predictions.transform.LayerNorm")
    scores = x @ w["bert.embeddings.word_embeddings.weight"].T + w["cls.predictions.bias"]
    weights = batch["masked_lm_weights"]
    token_loss = (_cross_entropy(scores, batch["masked_lm_ids"]) * weights).sum() / weights.sum()
    pooled = np.tanh(_dense(hidden[:, 0], w, "bert.pooler.dense"))
    pair_scores = _dense(pooled, w, "cls.seq_relationship")
    pair_loss = _cross_entropy(pair_scores, batch["next_sentence_labels"]).mean()
    return float(token_loss), float(pair_loss)


def _encode(w: Arrays, batch: Arrays, num_layers: int, num_heads: int) -> np.ndarray:
    e = "bert.embeddings"
    length = batch["input_ids"].shape[1]
    x = w[f"{e}.word_embeddings.weight"][batch["input_ids"]]
    x = x + w[f"{e}.position_embeddings.weight"][:length]
    x = x + w[f"{e}.token_type_embeddings.weight"][batch["segment_ids"]]
    x = _norm(x, w, f"{e}.LayerNorm")
    for n in range(num_layers):
        layer = f"bert.encoder.layer.{n}"
        attended = _attention(x, w, layer, batch["input_mask"], num_heads)
        x = _norm(
            x + _dense(attended, w, f"{layer}.attention.output.dense"),
            w,
            f"{layer}.attention.output.LayerNorm",
        )
        inner = _gelu(_dense(x, w, f"{layer}.intermediate.dense"))
        x = _norm(x + _dense(inner, w, f"{layer}.output.dense"), w, f"{layer}.output.LayerNorm")
    return x


def _attention(
    x: np.ndarray, w: Arrays, layer: str, mask: np.ndarray, num_heads: int
) -> np.ndarray:
    batch, length, size = x.shape
    q, k, v = (
        _dense(x, w, f"{layer}.attention.self.{name}")
        .reshape(batch, length, num_heads, size // num_heads)
        .transpose(0, 2, 1, 3)
        for name in ("query", "key", "value")
    )
    scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(size // num_heads)
    scores = np.where(mask[:, None, None, :] == 1, scores, -np.inf)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    return (shares @ v).transpose(0, 2, 1, 3).reshape(batch, length, size)


def _dense(x: np.ndarray, w: Arrays, name: str) -> np.ndarray:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _norm(x: np.ndarray, w: Arrays, name: str) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return centred / deviation * w[f"{name}.weight"] + w[f"{name}.bias"]


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


def _cross_entropy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    top = scores.max(-1, keepdims=True)
    log_total = top[..., 0] + np.log(np.exp(scores - top).sum(-1))
    return log_total - np.take_along_axis(scores, labels[..., None], -1)[..., 0]
