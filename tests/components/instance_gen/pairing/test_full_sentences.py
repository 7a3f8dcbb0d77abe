"""Full inputs use every token once, in order, and are cut between sentences."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.instance_gen.pairing.full_sentences import join_documents, pack_sentences
from components.instance_gen.pairing.token_ranges import Walk
from core.draw import draw
from tests.components.instance_gen.pairing.test_segment_pairs import SEQ_LENGTH, corpus_of, lengths

SEP = 1_000_000
BUDGET = SEQ_LENGTH - 2


@settings(max_examples=300, deadline=None)
@given(lengths, st.integers(0, 2**31), st.sampled_from([0.0, 0.5]))
def test_every_token_is_in_one_input_and_in_order(
    sentence_lengths: list[list[int]], seed: int, short: float
) -> None:
    corpus = corpus_of(sentence_lengths)
    ids, ranges = pack_sentences(corpus, Walk(SEQ_LENGTH, short, 1, draw(seed, "pack")), SEP)
    stops = ranges.first_start + ranges.first_length
    texts = [ids[a:b] for a, b in zip(ranges.first_start, stops, strict=True)]
    packed = np.concatenate(texts)
    assert packed[packed != SEP].tolist() == corpus.ids.tolist()
    assert all(0 < len(text) <= BUDGET for text in texts)
    assert all(text[0] != SEP and text[-1] != SEP for text in texts)


@settings(max_examples=200, deadline=None)
@given(lengths, st.integers(0, 2**31))
def test_only_a_sentence_longer_than_an_input_is_cut(
    sentence_lengths: list[list[int]], seed: int
) -> None:
    corpus = corpus_of(sentence_lengths)
    _, ranges = pack_sentences(corpus, Walk(SEQ_LENGTH, 0.2, 1, draw(seed, "pack")), SEP)
    _, sentence_stops = join_documents(corpus, SEP)
    longest = max(n for document in sentence_lengths for n in document)
    stops = ranges.first_start + ranges.first_length
    if longest <= BUDGET:
        assert set(stops.tolist()) <= set(sentence_stops.tolist())


def test_inputs_are_nearly_full() -> None:
    corpus = corpus_of([[7] * 50 for _ in range(20)])
    _, ranges = pack_sentences(corpus, Walk(128, 0.0, 1, draw(0, "pack")), SEP)
    assert ranges.first_length[:-1].min() > 126 - 8


def test_documents_are_separated_by_a_special_token() -> None:
    ids, stops = join_documents(corpus_of([[2, 1], [3]]), SEP)
    assert ids.tolist() == [0, 1, 2, SEP, 3, 4, 5]
    assert stops.tolist() == [2, 3, 7]
