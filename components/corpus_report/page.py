"""Render the report as one self-contained HTML file: no network, no scripts, no fonts."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from components.corpus_report import sections
from components.corpus_report.findings import find_all
from components.corpus_report.read_artifacts import ReportData
from components.settings import ReportSettings
from core.format_numbers import format_compact, format_number, format_percent, format_size
from core.json_object import flatten_facts
from core.wording import name_counter, visible

HERE = Path(__file__).parent


def render_report(data: ReportData, settings: ReportSettings, code_digest: str) -> str:
    """Return the page as HTML.

    All text is escaped and stripped of invisible characters. The content security policy lets a
    browser load nothing and apply only the page's own style.
    """
    style = (HERE / "report.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            style=Markup(style),  # noqa: S704 - our own file
            style_digest=_csp_digest(style),
            findings=find_all(data),
            provenance={
                "documents": flatten_facts(
                    {k: v for k, v in data.documents.facts.items() if k not in sections.EXAMPLES}
                ),
                "vocabulary": flatten_facts(data.vocabulary.facts),
                "instances": flatten_facts(data.instances.facts),
                "report": {
                    "code_digest": code_digest,
                    **flatten_facts(settings.model_dump(mode="json")),
                },
            },
            **sections.document_section(data, show_text=settings.show_text),
            **sections.instance_section(data),
            **sections.vocabulary_section(data, settings.frequent_pieces),
        )
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_make_visible,
    )
    environment.filters.update(
        number=format_number,
        compact=format_compact,
        percent=format_percent,
        size=format_size,
        counter=name_counter,
    )
    return environment


def _make_visible(value: Any) -> Any:
    """Remove invisible characters from everything that the template prints."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(value)


def _csp_digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
