"""Any value to Markdown that shows it and does nothing else."""

import re
from typing import Any

from core.safe_text import visible

# All that starts a span, a link, a table cell, HTML or a heading in CommonMark and GitHub's form.
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~!#$])")


class Markdown(str):
    """Text that is Markdown already; everything else is escaped."""

    __slots__ = ()


def as_markdown(value: Any) -> Markdown:
    """Escapes text; Markdown stays.

    Meant as jinja's `finalize`, so that no place in a template can forget it.
    """
    if isinstance(value, Markdown):
        return value
    text = visible(str(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # `://` and `www.` would be links by themselves.
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;")
    return Markdown(_SPECIAL.sub(r"\\\1", text))


def as_code(value: Any) -> Markdown:
    """A code span; a backtick in the text, which would end it, becomes an apostrophe."""
    text = visible(str(value)).replace("`", "'").replace("|", "\\|")
    return Markdown(f"`{text}`") if text else Markdown("")


def as_paragraphs(text: str) -> Markdown:
    """Escapes a longer text and keeps its blank lines."""
    paragraphs = (as_markdown(part) for part in re.split(r"\n\s*\n", text))
    return Markdown("\n\n".join(part for part in paragraphs if part))
