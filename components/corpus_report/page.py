"""A corpus to one HTML file that needs nothing else: no network, no script, no font."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from components.corpus_report import sections
from components.corpus_report.findings import find_all
from components.corpus_report.read_artifacts import Corpus
from components.settings import ReportSettings
from core import wording
from core.safe_text import visible

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
                "documents": wording.flatten(corpus.documents.facts),
                "vocabulary": wording.flatten(corpus.vocabulary.facts),
                "instances": wording.flatten(corpus.instances.facts),
                "report": {
                    "code_digest": code_digest,
                    **wording.flatten(settings.model_dump(mode="json")),
                },
            },
            **sections.document_section(corpus),
            **sections.instance_section(corpus),
            **sections.vocabulary_section(corpus, settings.frequent_pieces),
        )
    )


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
        number=wording.number,
        compact=wording.compact,
        percent=wording.percent,
        size=wording.size,
        counter=wording.counter_name,
    )
    return environment


def _made_visible(value: Any) -> Any:
    """Applied to whatever the template prints, so that no place can forget it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value)


def _csp_digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
