"""Provide the real text of tests/data as documents of sentences."""

from pathlib import Path

DATA = Path(__file__).parent / "data"


def documents_of(name: str) -> list[list[str]]:
    """Return the documents of a file: one sentence per line, a blank line after each document."""
    text = (DATA / name).read_text(encoding="utf-8")
    return [document.split("\n") for document in text.strip("\n").split("\n\n")]


ENGLISH = documents_of("language_reference.txt")
KOREAN = documents_of("korean_faq.txt")
