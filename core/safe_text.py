"""Make hostile text safe to show: no control, bidirectional or invisible characters.

Corpus text and file names come from strangers. Each page escapes its own HTML or Markdown; this
module removes what escaping lets through (Unicode TR 36, "trojan source").
"""

import unicodedata

# Joiners that Persian, Indic scripts and emoji need.
_KEPT_FORMAT = {"\u200c", "\u200d"}
# Control, format (including bidi controls), surrogate, private use, line and paragraph separators.
_REMOVED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def visible(text: str) -> str:
    """Return the text on one line, without characters that change how other text is shown.

    Tabs and line ends become spaces; other control, bidi and private-use characters are removed.
    """
    one_line = " ".join(text.split())
    return "".join(c for c in one_line if _is_visible(c))


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters; an ellipsis is the last one if the text was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _is_visible(character: str) -> bool:
    return character in _KEPT_FORMAT or unicodedata.category(character) not in _REMOVED
