"""A corpus to one HTML file that needs nothing else: no network, no script, no font."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from pydantic import JsonValue

from components.corpus_report import sections, words
from components.corpus_report.findings import find_all
from components.corpus_report.reading import Corpus
from components.safe_text import visible
from components.settings import ReportSettings

HERE = Path(__file__).parent


def render_report(corpus: Corpus, settings: ReportSettings, code_digest: str) -> str:
    """The page.

    Args:
        corpus: what is shown.
        settings: the report's own settings, printed at its end.
        code_digest: of the code that made the report.

    Returns:
        HTML. All text in it is made visible and escaped; its content security policy lets a
        browser load nothing, and apply no style but the page's own.
    """
    style = (HERE / "report.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            style=Markup(style),  # noqa: S704 - our own file
            style_digest=_csp_digest(style),
            findings=find_all(corpus),
            provenance={
                "documents": flatten(corpus.documents.facts),
                "vocabulary": flatten(corpus.vocabulary.facts),
                "instances": flatten(corpus.instances.facts),
                "report": {"code_digest": code_digest, **flatten(settings.model_dump(mode="json"))},
            },
            **sections.document_section(corpus),
            **sections.instance_section(corpus),
            **sections.vocabulary_section(corpus, settings.frequent_pieces),
        )
    )


def flatten(facts: JsonValue, prefix: str = "") -> dict[str, str]:
    """Nested facts to one level: {"masking": {"rate": 0.15}} to {"masking.rate": "0.15"}."""
    if not isinstance(facts, dict):
        return {prefix: facts if isinstance(facts, str) else json.dumps(facts)}
    flat: dict[str, str] = {}
    for name, value in sorted(facts.items()):
        flat |= flatten(value, f"{prefix}.{name}" if prefix else name)
    return flat


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_made_visible,
    )
    environment.filters.update(
        number=words.number,
        compact=words.compact,
        percent=words.percent,
        size=words.size,
        counter=words.counter_name,
    )
    return environment


def _made_visible(value: Any) -> Any:
    """Applied to whatever the template prints, so that no place can forget it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value)


def _csp_digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
