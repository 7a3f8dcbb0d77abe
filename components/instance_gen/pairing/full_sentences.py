"""Pack documents into full inputs without pairs or labels (RoBERTa's FULL-SENTENCES)."""

import bisect
import itertools
from collections.abc import Iterator

import numpy as np

from components.instance_gen.pairing.token_ranges import SINGLE_SPECIALS, TokenRanges, Walk
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from components.instance_gen.tokenizing.ragged import Int32, Int64

TARGETS_PER_DRAW = 1024


def pack_sentences(
    corpus: TokenizedDocuments, walk: Walk, sep_id: int
) -> tuple[Int32, TokenRanges]:
    """Pack whole sentences up to the target length, across documents, with [SEP] between documents.

    A sentence longer than an input continues in the next one, so no token is lost. Returns the text
    with separators, and the ranges in it.
    """
    ids, stops = join_documents(corpus, sep_id)
    budget = walk.seq_length - SINGLE_SPECIALS
    drawn = (walk.targets(TARGETS_PER_DRAW, budget).tolist() for _ in itertools.count())
    targets = itertools.chain.from_iterable(drawn)
    sentence_stops, is_separator = stops.tolist(), (ids == sep_id).tobytes()
    walks = [_walk(sentence_stops, is_separator, budget, targets) for _ in range(walk.copies)]
    bounds = np.array([pair for walk in walks for pair in walk], np.int64).reshape(-1, 2)
    none = np.zeros(len(bounds), np.int64)
    return ids, TokenRanges(bounds[:, 0], bounds[:, 1] - bounds[:, 0], none, none, none)


def join_documents(corpus: TokenizedDocuments, sep_id: int) -> tuple[Int32, Int64]:
    """Join the documents to one text with a separator between neighbors.

    Returns:
        Token ids (T + D - 1,), and where each sentence stops in them (S,).
    """
    inner_ends = corpus.sentence_offsets[corpus.document_offsets[1:-1]]
    ids = np.insert(corpus.ids, inner_ends, sep_id)
    separators_before = np.zeros(len(corpus.sentence_offsets) - 1, np.int64)
    separators_before[corpus.document_offsets[1:-1]] = 1
    return ids, corpus.sentence_offsets[1:] + np.cumsum(separators_before)


def _walk(
    stops: list[int], is_separator: bytes, budget: int, targets: Iterator[int]
) -> list[tuple[int, int]]:
    """Return the ranges of one pass; a sentence is cut only if it exceeds the budget."""
    ranges = []
    start, end = 0, stops[-1] if stops else 0
    while start < end:
        after = bisect.bisect_right(stops, start + next(targets))
        stop = stops[after - 1] if after else 0
        if stop <= start:  # not even one sentence fits in the target
            stop = min(stops[after], start + budget)
        ranges.append((start, stop))
        start = stop + (stop < end and is_separator[stop])
    return ranges
