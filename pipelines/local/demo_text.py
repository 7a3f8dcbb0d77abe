"""Write Python's language reference, which is part of every Python, as text for a first run.

`pydoc_data.topics` holds the reference as plain text. Its prose is split into sentences, one per
line, with a blank line after each section. Code, grammar, tables and headings are left out. The
reference repeats some paragraphs; each is written once, so that no held-out text is trained on.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from core import storage

FILE = "language_reference.txt"
MIN_SENTENCES = 2  # per section; next-sentence prediction needs a next one
MIN_WORDS = 4  # per sentence; shorter ones are labels
MAX_SYMBOL_SHARE = 0.06  # of the characters of a paragraph; code has more
_HEADING = re.compile(r"^(?P<title>\S.*)\n(?P<line>([*=\-~^\"])\3{2,})$", re.MULTILINE)
_ITEM = re.compile(r"^([*+\-]|\d+\.|\(?[a-z]\)|\[\d+\])\s+")
_CODE = re.compile(r">>>|::=|^\s*(\.\.\.|[|+]|[=-]{3})|\s=\s|\w\(\w*\)\s*:$", re.MULTILINE)
_BROKEN_AT_HYPHEN = re.compile(r"(?<=\w)-\n\s*(?=\w)")
_EMPHASIS = re.compile(r"(?<!\w)\*{1,2}([A-Za-z][\w .-]*)\*{1,2}(?!\w)")
_SYMBOL = re.compile(r"[=(){}\[\]<>_\\|*+/@#^%~]")
_WORD = re.compile(r"[A-Za-z]{2,}")
_COMMON = re.compile(r"\b(the|a|an|is|are|of|to|in|and|or|be|for|it|this|that|with|as|if)\b")


def write_demo_text(folder: Path) -> int:
    """Write the reference as one file in the form `lines`, atomically.

    The same version of Python gives the same bytes.

    Returns:
        The number of documents in it.
    """
    from pydoc_data.topics import topics

    documents = list(documents_of(topics))
    text = "\n\n".join("\n".join(document) for document in documents) + "\n"
    storage.write_bytes(str(folder / FILE), text.encode())
    return len(documents)


def documents_of(topics: dict[str, str]) -> Iterator[list[str]]:
    """Yield the sentences of each section, without paragraphs of earlier sections."""
    seen: set[str] = set()
    for name in sorted(topics):
        for section in sections_of(topics[name]):
            sentences = []
            for paragraph in paragraphs_of(section):
                if paragraph not in seen:
                    seen.add(paragraph)
                    sentences += sentences_of(paragraph)
            if len(sentences) >= MIN_SENTENCES:
                yield sentences


def sections_of(topic: str) -> list[str]:
    """Return the text between headings; a heading is a line above a line of one character."""
    ends = [(match.start(), match.end()) for match in _HEADING.finditer(topic)]
    begins = [0, *(end for _, end in ends)]
    return [topic[a:b] for a, b in zip(begins, [*(s for s, _ in ends), len(topic)], strict=True)]


def paragraphs_of(section: str) -> Iterator[str]:
    """Yield the prose among a section's blocks on one line, without bullets and emphasis."""
    for block in re.split(r"\n\s*\n", section):
        whole = _BROKEN_AT_HYPHEN.sub("-", block)
        paragraph = _EMPHASIS.sub(r"\1", _ITEM.sub("", " ".join(whole.split())))
        if is_prose(block, paragraph):
            yield paragraph


def is_prose(block: str, paragraph: str) -> bool:
    """Return whether a block is English, not code, grammar, a table, a signature or a label."""
    symbols = len(_SYMBOL.findall(paragraph))
    return (
        not _CODE.search(block)
        and len(_WORD.findall(paragraph)) >= MIN_WORDS
        and len(_COMMON.findall(paragraph.lower())) >= 2
        and symbols <= MAX_SYMBOL_SHARE * len(paragraph)
        and paragraph[-1] in ".:!?)"
    )


def sentences_of(paragraph: str) -> list[str]:
    """Split a paragraph into sentences, without fragments of too few words."""
    import sentencex

    sentences = (sentence.strip() for sentence in sentencex.segment("en", paragraph))
    return [s for s in sentences if len(_WORD.findall(s)) >= MIN_WORDS]
