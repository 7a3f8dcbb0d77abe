"""Pairs have balanced labels and whole sentences, and random text from other documents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.instance_gen.pairing.chunks import cut_chunks
from components.instance_gen.pairing.segment_pairs import pair_in_order, pair_next_sentences
from components.instance_gen.pairing.token_ranges import TokenRanges, Walk, truncate
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from components.instance_gen.tokenizing.ragged import compute_offsets
from core.draw import draw
from core.errors import InputError

SEQ_LENGTH = 32

lengths = st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=12), min_size=2, max_size=8)


def corpus_of(
    sentence_lengths: list[list[int]], names: list[bytes] | None = None
) -> TokenizedDocuments:
    """Make documents with these sentence lengths; the id of each token is its position."""
    flat = np.array([n for document in sentence_lengths for n in document], np.int64)
    return TokenizedDocuments(
        ids=np.arange(flat.sum(), dtype=np.int32),
        sentence_offsets=compute_offsets(flat),
        document_offsets=compute_offsets(np.array([len(d) for d in sentence_lengths], np.int64)),
        document_ids=names or [b"%03d" % n for n in range(len(sentence_lengths))],
        files=[b"a.txt"] * len(sentence_lengths),
        skipped={},
    )


def pairs_of(
    corpus: TokenizedDocuments, seed: int = 0, copies: int = 1, short: float = 0.1
) -> tuple[TokenRanges, dict[str, int]]:
    return pair_next_sentences(
        corpus, (0, len(corpus.document_ids)), Walk(SEQ_LENGTH, short, copies, draw(seed, "pairs"))
    )


def documents_at(corpus: TokenizedDocuments, tokens: np.ndarray) -> np.ndarray:
    begins = corpus.sentence_offsets[corpus.document_offsets]
    return np.searchsorted(begins, tokens, side="right") - 1


@settings(max_examples=300, deadline=None)
@given(lengths, st.integers(0, 2**31), st.integers(1, 3))
def test_labels_are_exactly_balanced(
    sentence_lengths: list[list[int]], seed: int, copies: int
) -> None:
    ranges, _ = pairs_of(corpus_of(sentence_lengths), seed, copies)
    assert 2 * ranges.label.sum() == len(ranges)


@settings(max_examples=300, deadline=None)
@given(lengths, st.integers(0, 2**31))
def test_segments_have_the_relation_of_their_label(
    sentence_lengths: list[list[int]], seed: int
) -> None:
    corpus = corpus_of(sentence_lengths)
    ranges, _ = pairs_of(corpus, seed)
    first = documents_at(corpus, ranges.first_start)
    second = documents_at(corpus, ranges.second_start)
    is_random = ranges.label == 1
    assert (first[is_random] != second[is_random]).all()
    assert (first[~is_random] == second[~is_random]).all()
    later = ranges.second_start >= ranges.first_start + ranges.first_length
    assert later[~is_random].all()


@settings(max_examples=300, deadline=None)
@given(lengths, st.integers(0, 2**31))
def test_both_segments_have_tokens_and_fit(sentence_lengths: list[list[int]], seed: int) -> None:
    corpus = corpus_of(sentence_lengths)
    ranges, _ = pairs_of(corpus, seed)
    assert (ranges.first_length > 0).all()
    assert (ranges.second_length > 0).all()
    assert (ranges.first_length + ranges.second_length <= SEQ_LENGTH - 3).all()
    for start, length in (
        (ranges.first_start, ranges.first_length),
        (ranges.second_start, ranges.second_length),
    ):
        assert np.array_equal(documents_at(corpus, start), documents_at(corpus, start + length - 1))


@settings(max_examples=200, deadline=None)
@given(lengths, st.integers(0, 2**31))
def test_every_sentence_of_a_document_is_used_or_counted(
    sentence_lengths: list[list[int]], seed: int
) -> None:
    corpus = corpus_of(sentence_lengths)
    chunks, skipped = cut_chunks(
        corpus, (0, len(sentence_lengths)), Walk(32, 0.1, 1, draw(seed, "x")), put_back=True
    )
    covered = np.zeros(len(corpus.sentence_offsets) - 1, bool)
    for start, cut, stop, label in zip(
        chunks.start, chunks.cut, chunks.stop, chunks.label, strict=True
    ):
        covered[start : cut if label else stop] = True
    assert (~covered).sum() <= skipped["no_pair"] + skipped["unpaired_tails"]
    assert skipped["no_pair"] == sum(len(d) == 1 for d in sentence_lengths)


@settings(max_examples=300, deadline=None)
@given(lengths, st.integers(0, 2**31))
def test_swapped_pairs_are_neighbors_in_reverse_order(
    sentence_lengths: list[list[int]], seed: int
) -> None:
    corpus = corpus_of([[min(n, 6) for n in document] for document in sentence_lengths])
    ranges, skipped = pair_in_order(corpus, Walk(512, 0.3, 2, draw(seed, "order")))
    assert skipped["truncated_tokens"] == 0  # so that neighbors touch
    assert 2 * ranges.label.sum() == len(ranges)
    first, second = ranges.first_start, ranges.second_start
    swapped = ranges.label == 1
    assert (second + ranges.second_length == first)[swapped].all()
    assert (first + ranges.first_length == second)[~swapped].all()
    assert np.array_equal(documents_at(corpus, first), documents_at(corpus, second))


@settings(max_examples=200, deadline=None)
@given(lengths, st.integers(0, 2**31))
def test_order_pairs_contain_every_sentence_with_a_neighbor(
    sentence_lengths: list[list[int]], seed: int
) -> None:
    corpus = corpus_of([[min(n, 6) for n in document] for document in sentence_lengths])
    ranges, skipped = pair_in_order(corpus, Walk(512, 0.3, 1, draw(seed, "order")))
    covered = np.zeros(len(corpus.ids), bool)
    for a, b, c, d in zip(
        ranges.first_start,
        ranges.first_length,
        ranges.second_start,
        ranges.second_length,
        strict=True,
    ):
        covered[a : a + b] = covered[c : c + d] = True
    alone = sum(min(d[0], 6) for d in sentence_lengths if len(d) == 1)
    assert (~covered).sum() == alone
    assert skipped["unpaired_tails"] == 0


def test_single_sentences_do_not_reveal_the_label() -> None:
    corpus = corpus_of([[50] * 9 for _ in range(40)])  # each sentence fills an input
    ranges, _ = pairs_of(corpus, copies=5, short=0.0)
    means = [ranges.first_length[ranges.label == label].mean() for label in (0, 1)]
    assert len(ranges) > 500
    assert abs(means[0] - means[1]) < 1.0


def test_documents_of_equal_content_never_supply_random_segments() -> None:
    corpus = corpus_of([[5] * 8, [5] * 8, [5] * 8], [b"a", b"a", b"b"])
    ranges, _ = pairs_of(corpus, copies=20)
    first = documents_at(corpus, ranges.first_start)[ranges.label == 1]
    second = documents_at(corpus, ranges.second_start)[ranges.label == 1]
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == {
        (0, 2),
        (1, 2),
        (2, 0),
        (2, 1),
    }


def test_documents_of_other_shards_only_supply_random_segments() -> None:
    corpus = corpus_of([[5] * 8, [5] * 8, [5] * 8])
    ranges, _ = pair_next_sentences(corpus, (1, 2), Walk(32, 0.1, 20, draw(0, "pairs")))
    assert set(documents_at(corpus, ranges.first_start).tolist()) == {1}
    assert set(documents_at(corpus, ranges.second_start).tolist()) == {0, 1, 2}


@pytest.mark.parametrize("names", [[b"a"], [b"a", b"a"]])
def test_a_single_document_is_an_error_with_a_remedy(names: list[bytes]) -> None:
    with pytest.raises(InputError, match=r"objective=none"):
        pairs_of(corpus_of([[5] * 8] * len(names), names))


def test_short_targets_are_drawn_for_every_instance() -> None:
    targets = Walk(128, 0.1, 1, draw(0, "targets")).targets(100_000, 125)
    assert abs((targets < 125).mean() - 0.1 * 123 / 124) < 0.005
    assert targets.min() == 2


def truncate_as_bert(first: int, second: int, budget: int) -> tuple[int, int]:
    """Return the lengths after the loop of BERT's `truncate_seq_pair`."""
    while first + second > budget:
        if first > second:
            first -= 1
        else:
            second -= 1
    return first, second


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 80), st.integers(1, 80), st.integers(2, 70))
def test_truncation_gives_the_same_lengths_as_bert(first: int, second: int, budget: int) -> None:
    one = np.ones(1, np.int64)
    cut, dropped = truncate(
        TokenRanges(0 * one, first * one, 100 * one, second * one, one), budget, draw(0, "cut")
    )
    assert (cut.first_length[0], cut.second_length[0]) == truncate_as_bert(first, second, budget)
    assert dropped == max(first + second - budget, 0)
    assert 0 <= cut.first_start[0] <= first - cut.first_length[0]
    assert 100 <= cut.second_start[0] <= 100 + second - cut.second_length[0]


def test_truncation_drops_tokens_from_both_ends_equally() -> None:
    ones = np.ones(20_000, np.int64)
    cut, _ = truncate(
        TokenRanges(0 * ones, 60 * ones, 0 * ones, 10 * ones, ones), 40, draw(1, "cut")
    )
    assert abs(cut.first_start.mean() - 30 / 2) < 0.1  # 30 tokens go
    assert abs(cut.first_start.std() - np.sqrt(30) / 2) < 0.1
