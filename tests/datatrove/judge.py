"""Write why datatrove's filters reject documents: `judge.py DOCUMENTS REASONS`, both JSON.

It runs in an environment of datatrove and spaCy, without Textmill. `words` are those of each
document, or null for datatrove's own.
"""

import json
import sys
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    GopherQualityFilter,
    GopherRepetitionFilter,
    gopher_quality_filter,
    gopher_repetition_filter,
)


def main(documents: str, reasons: str) -> None:
    """Judge each document by both filters."""
    asked = json.loads(Path(documents).read_text(encoding="utf-8"))
    texts = asked["texts"]
    if asked["words"]:
        words = dict(zip(texts, asked["words"], strict=True))
        for module in (gopher_quality_filter, gopher_repetition_filter):
            module.split_into_words = lambda text, _: words[text]
    filters = {"quality": GopherQualityFilter(), "repetition": GopherRepetitionFilter()}
    by_filter = {name: [reason(each, text) for text in texts] for name, each in filters.items()}
    Path(reasons).write_text(json.dumps(by_filter), encoding="utf-8")


def reason(document_filter: object, text: str) -> str | None:
    """Return the name of the rule that rejects a text, or None."""
    verdict = document_filter.filter(Document(text=text, id="0"))
    return None if verdict is True else verdict[1]


if __name__ == "__main__":
    main(*sys.argv[1:])
