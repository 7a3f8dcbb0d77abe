"""Each of Gopher's rules rejects what breaks it, and keeps real prose."""

import pytest

from components.text_example_gen.quality.gopher import find_quality_fault, find_repetition
from tests.real_text import ENGLISH

PROSE = (
    "The harbor was quiet when the ferry left, and no one on the pier waved to it.",
    "Two gulls followed the ship for a mile before they turned back to the cliffs.",
    "By noon the fog had lifted, so that the islands could be seen with the naked eye.",
    "Passengers have breakfast below while sailors paint the rail, which rusts each winter.",
)
WORDS = " ".join(PROSE).split()


def test_prose_is_kept() -> None:
    assert find_quality_fault(PROSE, "en") is None
    assert find_repetition(PROSE) is None
    assert all(find_repetition(document) is None for document in ENGLISH if len(document) > 3)


@pytest.mark.parametrize(
    ("sentences", "counter"),
    [
        (PROSE[:3], "filtered_short"),
        ([" ".join(WORDS[:49])], "filtered_short"),
        ([" ".join(WORDS[:50])], None),
        (["word " * 100_001], "filtered_long"),
        (["ab to of " * 30], "filtered_word_length"),
        (["consideration " * 60], "filtered_word_length"),
        ([*PROSE, "#" * 10], "filtered_symbols"),
        ([*PROSE, "# and " * 7], None),
        ([*PROSE, "... … … … " * 4], "filtered_symbols"),
        ([f"- {line}" for line in PROSE], "filtered_bullets"),
        ([f"\u2022 {line}" for line in PROSE], "filtered_bullets"),
        ([*PROSE[:2], *(f"{line} ..." for line in PROSE[2:])], "filtered_ellipses"),
        ([*PROSE, "2024 1999 " * 20], "filtered_not_alphabetic"),
        ([*PROSE, "( ) " * 10], "filtered_not_alphabetic"),
        ([*PROSE[:2], "__ __ " * 20], "filtered_short"),
        (["harbor ferry cliffs " * 20], "filtered_stop_words"),
        (["harbor ferry with with cliffs " * 12], "filtered_stop_words"),
        (["harbor ferry with that cliffs " * 12], None),
    ],
)
def test_each_quality_rule(sentences: list[str], counter: str | None) -> None:
    assert find_quality_fault(sentences, "en") == counter


def test_stop_words_are_english_only() -> None:
    assert find_quality_fault(["배들은 항구에 있었고 갈매기는 날았다 " * 20], "ko") is None


@pytest.mark.parametrize(
    ("sentences", "counter"),
    [
        ([*PROSE, "It rained.", "It rained."], None),
        ([*PROSE, *PROSE[:2]], "filtered_repeated_lines"),  # a third of the lines
        ([*PROSE, "short"] * 2, "filtered_repeated_lines"),
        ([*PROSE, "buy it " * 15], "filtered_repeated_phrases"),
        ([*PROSE, " ".join(f"{line} {n}" for n, line in enumerate(PROSE[:2]))],
         "filtered_repeated_phrases"),
        (["once only"], None),
    ],
)  # fmt: skip
def test_each_repetition_rule(sentences: list[str], counter: str | None) -> None:
    assert find_repetition(sentences) == counter
