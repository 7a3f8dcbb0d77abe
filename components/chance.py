"""Compare metrics with those of guesses that ignore the input."""

import math
from collections.abc import Iterator, Mapping

from core.format_numbers import format_percent
from core.manifest import OF_SOURCE

Metrics = Mapping[str, float]
# The share of one of two labels, by task.
_SHARES = {"next_sentence": "random_next_share", "sentence_order": "swapped_share"}
_CLASSES = "sequence_relation"  # has a share per label
LOSS_OF, UNIGRAM_OF = f"masked_lm_loss{OF_SOURCE}", f"unigram_loss{OF_SOURCE}"
_LABELS = {"auc": "AUC"}


def chance_metrics(metrics: Metrics) -> dict[str, float]:
    """Return the metrics of guesses, by name: token frequencies, or always the commonest label."""
    chance: dict[str, float] = {}
    if "unigram_loss" in metrics:
        chance["masked_lm_loss"] = metrics["unigram_loss"]
        chance["masked_lm_perplexity"] = math.exp(metrics["unigram_loss"])
    for name, loss in metrics.items():
        if name.startswith(UNIGRAM_OF):
            chance[f"{LOSS_OF}{name.removeprefix(UNIGRAM_OF)}"] = loss
    for task, shares in _label_shares(metrics):
        chance[f"{task}_accuracy"] = max(shares)
        if max(shares) < 1:
            chance[f"{task}_loss"] = -sum(s * math.log(s) for s in shares if s > 0)
    if "replaced_token_auc" in metrics:
        chance["replaced_token_auc"] = 0.5
    return chance


def describe_chance_level(metrics: Metrics) -> str | None:
    """Name the metrics of sentence pairs and replaced tokens that are no better than guesses.

    The masked-token loss is left out, because it is always shown next to its baseline.

    Returns:
        For example "next-sentence accuracy 46.0 % (chance: 50.5 %)"; None if all are better.
    """
    parts = [
        f"{_label(name)} {_format(name, metrics[name])} (chance: {_format(name, chance)})"
        for name, chance in chance_metrics(metrics).items()
        if not name.startswith("masked_lm") and _is_no_better(name, metrics.get(name), chance)
    ]
    return ", ".join(parts) or None


def _label_shares(metrics: Metrics) -> Iterator[tuple[str, list[float]]]:
    for task, name in _SHARES.items():
        if name in metrics:
            yield task, [metrics[name], 1 - metrics[name]]
    if shares := [v for n, v in metrics.items() if n.startswith(f"{_CLASSES}_share_")]:
        yield _CLASSES, shares


def _is_no_better(name: str, value: float | None, chance: float) -> bool:
    if value is None:
        return False
    return value >= chance if name.endswith("_loss") else value <= chance


def _label(name: str) -> str:
    """Return for example "next-sentence accuracy"."""
    task, _, measure = name.rpartition("_")
    return f"{task.replace('_', '-')} {_LABELS.get(measure, measure)}"


def _format(name: str, value: float) -> str:
    return format_percent(value) if name.endswith("_accuracy") else f"{value:.3f}"
