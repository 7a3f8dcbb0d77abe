"""Render the page as one HTML file with inline style and script that uses no network."""

import base64
import hashlib
import json
from pathlib import Path

import jinja2
from markupsafe import Markup

from pipelines.lineage.find.show import Plain
from pipelines.lineage.page.contents import page_contents
from pipelines.metadata.archive import Archive

HERE = Path(__file__).parent
SCRIPTS = ("elements.js", "runs.js", "graph.js", "details.js", "compare.js", "start.js")
# The data block is not run, but "</script" would end it, and "<!--" would confuse the parser.
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render_page(archive: Archive, beside: Path, most: int) -> str:
    """Render the page.

    Args:
        archive: lineage of a workdir.
        beside: folder of the page; links to files are relative to it.
        most: maximum number of runs, newest first.

    Returns:
        HTML. Its content security policy allows only our script and our style, and no network.
        The script inserts text as text nodes, never as HTML.
    """
    style = (HERE / "lineage.css").read_text(encoding="utf-8")
    script = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("lineage.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        data=Markup(as_data(page_contents(archive, beside, most))),  # noqa: S704 - see as_data
        style_digest=_digest(style),
        script_digest=_digest(script),
    )


def as_data(contents: Plain) -> str:
    """Return JSON that is safe between <script> tags: all special characters are escaped."""
    text = json.dumps(contents, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escaped in UNSAFE.items():
        text = text.replace(character, escaped)
    return text


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
