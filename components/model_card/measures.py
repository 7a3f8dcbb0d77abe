"""Metrics to the card's table: the model beside one that only counts, and the one before it."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from components.model_card.origin import Metrics
from components.wording import percent

MISSING = "–"


@dataclass(frozen=True)
class Measure:
    """One row; the cells are words, `MISSING` where there is no figure."""

    name: str
    model: str
    guess: str  # without reading: the unigram baseline, or always the commoner label
    baseline: str  # the latest blessed model


def list_measures(metrics: Metrics, baseline: Metrics) -> list[Measure]:
    """The rows for which the model has a figure."""
    guesses = dict(_guesses(metrics))
    return [
        Measure(
            words,
            say(metrics[name]),
            say(guesses[name]) if name in guesses else MISSING,
            say(baseline[name]) if name in baseline else MISSING,
        )
        for name, (words, say) in _ROWS.items()
        if name in metrics
    ]


def _guesses(metrics: Metrics) -> Iterator[tuple[str, float]]:
    """What one gets without looking at the text around a gap or at a pair."""
    if "unigram_loss" in metrics:
        yield "masked_lm_loss", metrics["unigram_loss"]
        yield "masked_lm_perplexity", math.exp(metrics["unigram_loss"])
    if "random_next_share" in metrics:
        share = metrics["random_next_share"]
        yield "next_sentence_accuracy", max(share, 1 - share)
        if 0 < share < 1:
            entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
            yield "next_sentence_loss", entropy


def _loss(value: float) -> str:
    return f"{value:.4f}"


def _perplexity(value: float) -> str:
    return f"{value:,.1f}"


_ROWS: dict[str, tuple[str, Callable[[float], str]]] = {
    "masked_lm_loss": ("Masked-token loss (nats)", _loss),
    "masked_lm_perplexity": ("Masked-token perplexity", _perplexity),
    "masked_lm_accuracy": ("Masked-token accuracy", percent),
    "next_sentence_loss": ("Next-sentence loss (nats)", _loss),
    "next_sentence_accuracy": ("Next-sentence accuracy", percent),
}
