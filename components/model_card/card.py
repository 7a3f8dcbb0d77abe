"""Render a model card; equal inputs give equal bytes, so it contains no time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from components.chance import describe_chance_level
from components.model_card.front_matter import front_matter
from components.model_card.markdown import Markdown, as_code, as_markdown, as_paragraphs
from components.model_card.measures import format_score, list_measures
from components.model_card.origin import Facts, Origin, nested
from components.settings import ModelCardSettings
from core.format_numbers import (
    format_compact,
    format_count,
    format_number,
    format_percent,
    format_size,
)
from core.json_object import flatten_facts
from core.wording import counter_sort_key, name_counter

HERE = Path(__file__).parent
TYPES = {"albert": "ALBERT", "bert": "BERT", "electra": "ELECTRA"}
TASKS = {
    "next_sentence": "masked-token and next-sentence prediction (BERT's)",
    "sentence_order": "masked-token and sentence-order prediction (ALBERT's)",
    "sequence_relation": "masked-token prediction and classification of sequence pairs",
    "contiguous": "masked-token prediction",
    "none": "masked-token prediction",
}
REPLACED_TOKENS = "replaced-token detection (ELECTRA's)"
MOST_POINTS = 10  # of a curve


def render_card(origin: Origin, settings: ModelCardSettings, code_digest: str) -> str:
    """Render the card: Markdown with YAML front matter."""
    language = str(nested(origin.documents.facts, "settings").get("language", settings.language))
    template = _environment().get_template("README.md.j2")
    text: str = template.render(
        front_matter=Markdown(front_matter(origin, settings, language)),
        settings=settings,
        language=language,
        origin=origin,
        measures=list_measures(origin.metrics, origin.baseline),
        at_chance=describe_chance_level(origin.metrics),
        **_model(origin),
        **_text(origin),
        provenance=provenance(origin, settings, code_digest),
    )
    return text


def _model(origin: Origin) -> dict[str, Any]:
    facts = origin.model.facts
    architecture = nested(facts, "architecture")
    objective = str(facts.get("objective", ""))
    is_electra = architecture.get("type") == "electra"
    return {
        "is_electra": is_electra,
        "start": nested(nested(facts, "settings"), "model").get("start_from"),
        "facts": facts,
        "architecture": architecture,
        "type": TYPES.get(str(architecture.get("type")), str(architecture.get("type"))),
        "objective": REPLACED_TOKENS if is_electra else TASKS[objective],
        "has_pairs": objective in {"next_sentence", "sentence_order"},
        "training": flatten_facts(nested(nested(facts, "settings"), "trainer")),
        "masking": nested(origin.instances.facts, "masking"),
        "copies": origin.instances.facts.get("dupe_factor", 1),
        "curve": _curve(facts),
    }


def _curve(facts: Facts) -> list[Any]:
    """Return the scores on tasks at MOST_POINTS steps of the training at most, with both ends."""
    points: Any = facts.get("task_scores") or []
    every = -(-(len(points) - 1) // (MOST_POINTS - 1)) or 1
    shown = (*points[:-1:every], *points[-1:])
    return [{"step": point["step"], **point} for point in shown]  # a manifest sorts its keys


def _text(origin: Origin) -> dict[str, Any]:
    train = origin.instances.counts.get("train", {})
    tokens = train.get("real_tokens", 0)
    special = ("files", "lines", "documents", "sentences", "text_bytes")
    overall = origin.documents.counts.get("all", {})
    skips = [k for k, v in overall.items() if v and k not in special]
    return {
        "splits": [s for s in ("train", "eval") if s in origin.documents.counts],
        "files": overall.get("files"),
        "skips": {k: overall[k] for k in sorted(skips, key=counter_sort_key)},
        "sources": nested(origin.model.facts, "source_shares"),
        "train_tokens": tokens,
        "passes": _passes(origin),
        "vocabulary": origin.vocabulary.facts,
        "vocabulary_counts": origin.vocabulary.counts.get("all", {}),
        "unknown": train.get("unknown_tokens", 0) / tokens if tokens else None,
    }


def _passes(origin: Origin) -> float | None:
    """Return how often the model saw each document; each copy counts once."""
    trainer = nested(nested(origin.model.facts, "settings"), "trainer")
    steps, batch_size = trainer.get("steps"), trainer.get("global_batch_size")
    instances = origin.instances.counts.get("train", {}).get("instances", 0)
    copies = origin.instances.facts.get("dupe_factor")
    if not (isinstance(steps, int) and isinstance(batch_size, int) and instances):
        return None
    return steps * batch_size / instances * (copies if isinstance(copies, int) else 1)


def provenance(origin: Origin, settings: ModelCardSettings, code_digest: str) -> dict[str, Any]:
    """Return facts by name in the order of the pipeline; unknown ones are left out."""
    facts = origin.model.facts
    git = nested(facts, "git")
    known = {
        "Recipe": settings.recipe,
        "Corpus": origin.documents.facts.get("corpus_digest"),
        "Span": origin.documents.facts.get("span"),
        "Documents": origin.documents.content_digest(),
        "Vocabulary": origin.vocabulary.facts.get("digest"),
        "Instances": origin.instances.content_digest(),
        "Model": origin.model.content_digest(),
        "Started from": nested(nested(facts, "settings"), "model").get("start_from"),
        "Weights it started from": facts.get("start_digest"),
        "Generator started from": nested(nested(facts, "settings"), "model").get("generator_from"),
        "Weights the generator started from": facts.get("generator_start_digest"),
        "Seed": facts.get("seed"),
        "Tokens seen": facts.get("tokens_seen"),
        "Strategy": facts.get("strategy"),
        "Hardware": _hardware(nested(facts, "hardware")),
        "Code of the documents": origin.documents.facts.get("code_digest"),
        "Code of the vocabulary": origin.vocabulary.facts.get("code_digest"),
        "Code of the instances": origin.instances.facts.get("code_digest"),
        "Code of the trainer": facts.get("code_digest"),
        "Code of this card": code_digest,
        "Git commit of the trainer": git.get("commit"),
        "Changes that no commit holds": _yes_or_no(git.get("dirty")),
        "Container image": facts.get("image_digest"),
        **nested(facts, "versions"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _hardware(known: Mapping[str, Any]) -> str | None:
    """Describe the hardware: "2 × NVIDIA L4; 8 CPUs, Intel(R) Xeon(R) CPU @ 2.20GHz"."""
    if not known:
        return None
    cpus = f"{format_count(known['cpus'], 'CPU', 'CPUs')}, {known['processor']}"
    return "; ".join([*known.get("accelerators", ()), cpus])


def _yes_or_no(value: Any) -> str | None:
    return None if value is None else "yes" if value else "no"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - Markdown: finalize escapes it
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        finalize=as_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        code=as_code,
        markdown=Markdown,
        counter=name_counter,
        number=format_number,
        compact=format_compact,
        paragraphs=as_paragraphs,
        percent=format_percent,
        score=format_score,
        size=format_size,
    )
    return environment
