"""Write the YAML front matter of a card, which model hubs read."""

from typing import Any

import yaml

from components.model_card.origin import Metrics, Origin
from components.settings import ModelCardSettings
from core.safe_text import visible

# The hub's names of metrics, our names and their labels.
_METRICS = {
    "loss": ("masked_lm_loss", "Masked-token loss (nats)"),
    "perplexity": ("masked_lm_perplexity", "Masked-token perplexity"),
    "accuracy": ("masked_lm_accuracy", "Masked-token accuracy"),
}


def front_matter(origin: Origin, settings: ModelCardSettings, language: str) -> str:
    """Return the YAML block with its fences; keys as in `huggingface_hub.ModelCardData`."""
    data: dict[str, Any] = {"language": [visible(language)]}
    if settings.license:
        data["license"] = visible(settings.license)
    architecture = origin.model.facts.get("architecture")
    kind = architecture.get("type") if isinstance(architecture, dict) else None
    # The weights of an ELECTRA model are its discriminator's, which predicts no tokens.
    task = "feature-extraction" if kind == "electra" else "fill-mask"
    tags = [str(kind or "bert"), "masked-lm", "pretraining", "textmill", *settings.tags]
    data |= {
        "library_name": "transformers",
        "pipeline_tag": task,
        "tags": list(dict.fromkeys(visible(tag) for tag in tags)),
        "model-index": [_model_index(origin, settings.recipe)],
    }
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---"


def _model_index(origin: Origin, name: str) -> dict[str, Any]:
    corpus = str(origin.documents.facts.get("corpus_digest", ""))[:12]
    dataset = {"type": "text", "name": f"Held-out documents of corpus {corpus}", "split": "eval"}
    return {
        "name": visible(name),
        "results": [
            {
                "task": {"type": "fill-mask", "name": "Masked language modelling"},
                "dataset": dataset,
                "metrics": _metrics(origin.metrics),
            }
        ],
    }


def _metrics(metrics: Metrics) -> list[dict[str, Any]]:
    return [
        {"type": kind, "name": words, "value": round(float(metrics[name]), 6)}
        for kind, (name, words) in _METRICS.items()
        if name in metrics
    ]
