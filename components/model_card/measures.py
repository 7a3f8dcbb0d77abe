"""List the metrics of a model next to those of a trivial baseline and the latest blessed model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.chance import LOSS_OF, chance_metrics
from components.model_card.origin import Metrics
from core.format_numbers import format_percent

MISSING = "–"


@dataclass(frozen=True)
class Measure:
    """One row of formatted cells; `MISSING` if there is no value."""

    name: str
    model: str
    guess: str  # the unigram baseline, or always the more common label
    baseline: str  # the latest blessed model


def list_measures(metrics: Metrics, baseline: Metrics) -> list[Measure]:
    """Return a row for each metric of the model."""
    guesses = chance_metrics(metrics)
    rows = _ROWS | {
        name: (f"Masked-token loss of the source {name.removeprefix(LOSS_OF)} (nats)", _loss)
        for name in metrics
        if name.startswith(LOSS_OF)
    }
    return [
        Measure(
            label,
            format_value(metrics[name]),
            format_value(guesses[name]) if name in guesses else MISSING,
            format_value(baseline[name]) if name in baseline else MISSING,
        )
        for name, (label, format_value) in rows.items()
        if name in metrics
    ]


def format_score(score: Mapping[str, Any] | None) -> str:
    """Format a score of a downstream task, with the spread of several seeds."""
    if score is None:
        return MISSING
    spread = f" ± {score['spread']:.3f}" if len(score["values"]) > 1 else ""
    return f"{score['mean']:.3f}{spread}"


_loss = "{:.4f}".format
_ROWS: dict[str, tuple[str, Callable[[float], str]]] = {
    "masked_lm_loss": ("Masked-token loss (nats)", _loss),
    "masked_lm_perplexity": ("Masked-token perplexity", "{:,.1f}".format),
    "masked_lm_accuracy": ("Masked-token accuracy", format_percent),
    "next_sentence_loss": ("Next-sentence loss (nats)", _loss),
    "next_sentence_accuracy": ("Next-sentence accuracy", format_percent),
    "sentence_order_loss": ("Sentence-order loss (nats)", _loss),
    "sentence_order_accuracy": ("Sentence-order accuracy", format_percent),
    "replaced_token_loss": ("Replaced-token loss (nats)", _loss),
    "replaced_token_auc": ("Replaced-token AUC", _loss),
    "replaced_token_precision": ("Replaced-token precision", format_percent),
    "replaced_token_recall": ("Replaced-token recall", format_percent),
}
