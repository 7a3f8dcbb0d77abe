"""Leave out the documents that the chosen filters reject; keep counts and some examples."""

from collections import Counter
from collections.abc import Iterable

from pydantic import JsonValue

from components.text_example_gen.documents import EXAMPLE_CHARACTERS, Document
from components.text_example_gen.duplicates.common_lines import EMPTIED
from components.text_example_gen.quality.gopher import find_quality_fault, find_repetition
from components.text_example_gen.quality.language import find_language_fault
from components.text_settings import TextSettings

COUNTERS = {
    "language": ("filtered_language", "filtered_language_score"),
    "gopher_quality": (
        "filtered_short", "filtered_long", "filtered_word_length", "filtered_symbols",
        "filtered_bullets", "filtered_ellipses", "filtered_not_alphabetic", "filtered_stop_words",
    ),
    "gopher_repetition": ("filtered_repeated_lines", "filtered_repeated_phrases"),
}  # fmt: skip
EXAMPLES = 3  # per counter

Example = tuple[str, str, str]  # document id, file, begin of the text
Examples = dict[str, list[Example]]  # by counter


class QualityFilter:
    """Applies the filters of the settings.

    Attributes:
        examples: the rejected documents with the lowest ids, which do not depend on the order of
            the text.
    """

    def __init__(self) -> None:
        """Start without examples."""
        self.examples: Examples = {}

    def rejects(
        self, document: Document, file: str, settings: TextSettings, counts: Counter[str]
    ) -> bool:
        """Return whether a filter rejects the document, and count it.

        Args:
            document: to judge.
            file: its name, for the example.
            settings: of the document's source.
            counts: gets one more of the counter of the first rule that the document breaks.
        """
        if (counter := _find_fault(document, settings)) is None:
            return False
        counts[counter] += 1
        example = (document.document_id, file, "\n".join(document.sentences)[:EXAMPLE_CHARACTERS])
        self.examples = merge_examples([self.examples, {counter: [example]}])
        return True


def count_filters(settings: TextSettings) -> list[str]:
    """Return the counters of documents that are left out by what the settings choose."""
    by_lines = [EMPTIED] if settings.drop_boilerplate_lines else []
    return [counter for name in settings.filters for counter in COUNTERS[name]] + by_lines


def merge_examples(parts: Iterable[Examples]) -> Examples:
    """Return the examples with the lowest ids of each counter, one of each document."""
    total: Examples = {}
    for part in parts:
        for counter, examples in part.items():
            both = sorted([*map(tuple, examples), *total.get(counter, [])], reverse=True)
            one_of_each = {name: (name, file, text) for name, file, text in both}  # the last one
            total[counter] = sorted(one_of_each.values())[:EXAMPLES]
    return total


def describe_examples(parts: Iterable[Examples]) -> JsonValue:
    """Return the examples of all parts, for the manifest."""
    return {
        counter: [{"document_id": name, "file": file, "text": text} for name, file, text in of_rule]
        for counter, of_rule in sorted(merge_examples(parts).items())
    }


def _find_fault(document: Document, settings: TextSettings) -> str | None:
    counter = None
    if "language" in settings.filters:
        counter = find_language_fault(
            document.sentences, settings.language, settings.min_language_score
        )
    if counter is None and "gopher_quality" in settings.filters:
        counter = find_quality_fault(document.sentences, settings.language)
    if counter is None and "gopher_repetition" in settings.filters:
        counter = find_repetition(document.sentences)
    return counter
