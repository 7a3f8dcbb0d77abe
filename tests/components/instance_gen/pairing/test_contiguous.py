"""Contiguous inputs use every token once, and their segments meet at the end of a sentence."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.instance_gen.pairing.contiguous import MIN_TAIL_TOKENS, _stop, cut_contiguous
from components.instance_gen.pairing.token_ranges import TokenRanges, Walk
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from core.draw import draw
from tests.components.instance_gen.pairing.test_segment_pairs import (
    SEQ_LENGTH,
    corpus_of,
    documents_at,
    lengths,
)


def cut(
    corpus: TokenizedDocuments, seed: int = 0, single: float = 0.1, short: float = 0.1
) -> TokenRanges:
    return cut_contiguous(corpus, Walk(SEQ_LENGTH, short, 1, draw(seed, "contiguous")), single)


@settings(max_examples=300, deadline=None)
@given(lengths, st.integers(0, 2**31), st.sampled_from([0.0, 0.5]))
def test_every_token_is_in_one_input(
    sentence_lengths: list[list[int]], seed: int, short: float
) -> None:
    corpus = corpus_of(sentence_lengths)
    ranges = cut(corpus, seed, short=short)
    order = np.argsort(ranges.first_start)
    starts = ranges.first_start[order]
    stops = (ranges.first_start + ranges.first_length + ranges.second_length)[order]
    assert starts[0] == 0
    assert stops[-1] == len(corpus.ids)
    assert np.array_equal(stops[:-1], starts[1:])


@settings(max_examples=300, deadline=None)
@given(lengths, st.integers(0, 2**31))
def test_segments_touch_at_the_end_of_a_sentence_and_fit(
    sentence_lengths: list[list[int]], seed: int
) -> None:
    corpus = corpus_of(sentence_lengths)
    ranges = cut(corpus, seed)
    has_second = ranges.second_length > 0
    assert (ranges.first_length > 0).all()
    assert np.array_equal(ranges.first_start + ranges.first_length, ranges.second_start)
    assert set(ranges.second_start[has_second].tolist()) <= set(corpus.sentence_offsets.tolist())
    total = ranges.first_length + ranges.second_length + np.where(has_second, 3, 2)
    assert (total <= SEQ_LENGTH).all()
    last = ranges.second_start + ranges.second_length - 1
    assert np.array_equal(documents_at(corpus, ranges.first_start), documents_at(corpus, last))


def test_inputs_are_full_and_last_inputs_are_not_tiny() -> None:
    corpus = corpus_of([[7] * n for n in range(5, 60)])
    ranges = cut(corpus, short=0.0)
    total = ranges.first_length + ranges.second_length
    last = (ranges.second_start + ranges.second_length)[:, None] == corpus.sentence_offsets[
        corpus.document_offsets
    ]
    is_rest = last.any(axis=1)
    assert total[~is_rest].min() >= SEQ_LENGTH - 3 - MIN_TAIL_TOKENS
    assert total.min() >= MIN_TAIL_TOKENS


def test_a_tenth_has_one_segment() -> None:
    ranges = cut(corpus_of([[4] * 4000 for _ in range(10)]), short=0.0)
    assert abs((ranges.second_length == 0).mean() - 0.1) < 0.02
    both = ranges.second_length > 0
    assert abs(ranges.first_length[both].mean() - ranges.second_length[both].mean()) < 2


def test_a_document_that_fits_is_one_input_even_if_a_shorter_target_was_drawn() -> None:
    for end, target, expected in ((45, 43, 45), (46, 43, 41), (45, 40, 40), (45, 45, 45)):
        numbers = (np.array([n]) for n in (0, end, target, 45))
        assert _stop(*numbers).tolist() == [expected]
