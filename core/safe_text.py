"""Hostile text to text that may be shown: no control, bidirectional or invisible characters.

Corpus text and file names are input from strangers. HTML and Markdown escaping stay with the
page that shows them; this removes what escaping lets through (Unicode TR 36, "trojan source").
"""

import unicodedata

# Joiners that Persian, Indic scripts and emoji need to be legible.
_KEPT_FORMAT = {"\u200c", "\u200d"}
# Control, format (bidi controls are of this class), surrogate, private use, line and paragraph.
_REMOVED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def visible(text: str) -> str:
    """The text on one line, without characters that alter how other text is shown.

    Tabs and line ends become a space; other control, bidi and private-use characters go.
    """
    spaced = " ".join(text.split())
    return "".join(c for c in spaced if _is_visible(c))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, the last one an ellipsis if something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _is_visible(character: str) -> bool:
    return character in _KEPT_FORMAT or unicodedata.category(character) not in _REMOVED
