"""Prose is joined into paragraphs and cut into sentences."""

import pytest
import sentencex

from components.text_example_gen.reading.split_sentences import ProseSplitter
from tests.real_text import KOREAN


def split(*lines: str, language: str = "en", limit: int = 1 << 20) -> list[str]:
    return list(ProseSplitter(language, limit).split(lines))


def test_line_ends_are_spaces_and_blank_lines_end_sentences() -> None:
    assert split("One two", "three. Four", "", "five") == ["One two three.", "Four", "", "five"]


def test_lines_of_a_script_without_spaces_are_joined_without_a_space() -> None:
    assert split("これは文", "です。", language="ja") == ["これは文です。"]
    assert split("데비안", "배포판입니다.", language="ko") == ["데비안 배포판입니다."]


def test_real_korean_prose_is_cut_where_its_sentences_end() -> None:
    document = [s for s in KOREAN[1] if s.endswith(("다.", "요?"))]
    assert split(" ".join(document), language="ko") == document


def test_an_endless_paragraph_is_cut_piece_by_piece() -> None:
    sentences = [f"This is sentence number {n} of a very long paragraph." for n in range(20_000)]
    assert split(*sentences) == sentences


def test_text_without_a_sentence_end_is_cut_at_the_limit_in_few_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths = []

    def segment(language: str, text: str) -> list[str]:
        lengths.append(len(text))
        return splitter(language, text)

    splitter = sentencex.segment
    monkeypatch.setattr(sentencex, "segment", segment)
    pieces = split(*["word word word word"] * 100_000, limit=1 << 18)
    assert 5 < len(pieces) < 15
    assert " ".join(pieces).split() == ["word"] * 400_000
    assert sum(lengths) < 4 * 20 * 100_000
