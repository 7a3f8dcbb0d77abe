"""Escape values for Markdown, so that text is shown and never interpreted."""

import re
from typing import Any

from core.wording import visible

# Characters that start a span, link, table cell or heading in CommonMark or GitHub's dialect.
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~!#$])")


class Markdown(str):
    """Text that is already Markdown; everything else is escaped."""

    __slots__ = ()


def as_markdown(value: Any) -> Markdown:
    """Escape text, and keep Markdown as it is.

    Used as Jinja's `finalize`, so that no expression in a template stays unescaped.
    """
    if isinstance(value, Markdown):
        return value
    text = visible(str(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # GitHub turns `://` and `www.` into links.
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;")
    return Markdown(_SPECIAL.sub(r"\\\1", text))


def as_code(value: Any) -> Markdown:
    """Return a code span; backticks in the text, which would end it, become apostrophes."""
    text = visible(str(value)).replace("`", "'").replace("|", "\\|")
    return Markdown(f"`{text}`") if text else Markdown("")


def as_paragraphs(text: str) -> Markdown:
    """Escape a text of several paragraphs and keep its blank lines."""
    paragraphs = (as_markdown(part) for part in re.split(r"\n\s*\n", text))
    return Markdown("\n\n".join(part for part in paragraphs if part))
