"""Write the front matter of a model card, which hubs read."""

from typing import Any

import yaml

from components.model_card.origin import Facts, Metrics, Origin, nested
from components.settings import ModelCardSettings
from core.wording import visible

# The hub's names of the kinds and metrics of downstream tasks.
_HUB_TASKS = {
    "classify": ("text-classification", "Text classification"),
    "pair": ("text-classification", "Text pair classification"),
    "tag": ("token-classification", "Token classification"),
}
_HUB_METRICS = {"accuracy": "accuracy", "macro_f1": "f1", "matthews": "matthews_correlation"}
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
            },
            *map(_task_index, origin.tasks.values()),
        ],
    }


def _task_index(task: Facts) -> dict[str, Any]:
    tuned = nested(nested(task, "fine_tuning"), "model")
    kind, name = _HUB_TASKS[str(task["kind"])]
    return {
        "task": {"type": kind, "name": name},
        "dataset": {"type": str(task["name"]), "name": str(task["name"]), "split": "eval"},
        "metrics": [
            {
                "type": _HUB_METRICS[str(task["metric"])],
                "name": f"{task['metric']} after fine-tuning",
                "value": tuned["mean"],
            }
        ],
    }


def _metrics(metrics: Metrics) -> list[dict[str, Any]]:
    return [
        {"type": kind, "name": words, "value": round(float(metrics[name]), 6)}
        for kind, (name, words) in _METRICS.items()
        if name in metrics
    ]
