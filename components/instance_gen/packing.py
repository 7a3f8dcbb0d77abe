"""Documents to full inputs of running text: no pairs, no label (RoBERTa's FULL-SENTENCES)."""

import bisect
import itertools
from collections.abc import Iterator

import numpy as np

from components.instance_gen.corpus import Corpus
from components.instance_gen.spans import SINGLE_SPECIALS, Spans, draw_targets
from components.instance_gen.tokenizing import Int32, Int64

TARGETS_AT_ONCE = 1024  # drawn together


def pack_sentences(
    corpus: Corpus,
    *,
    sep_id: int,
    seq_length: int,
    short_seq_fraction: float,
    copies: int,
    rng: np.random.Generator,
) -> tuple[Int32, Spans]:
    """Packs whole sentences up to the length, over the ends of documents, with [SEP] between them.

    A sentence that is longer than an input goes on in the next one, so no token is lost.

    Args:
        corpus: the documents.
        sep_id: what stands between two documents in one input.
        seq_length: L.
        short_seq_fraction: share of instances with a shorter target.
        copies: passes over the documents, each with other targets.
        rng: all randomness.

    Returns:
        The text with separators, and the spans of it.
    """
    ids, stops = join_documents(corpus, sep_id)
    budget = seq_length - SINGLE_SPECIALS
    targets = _draw_forever(rng, budget, short_seq_fraction)
    sentence_stops, is_separator = stops.tolist(), (ids == sep_id).tobytes()
    walks = [_walk(sentence_stops, is_separator, budget, targets) for _ in range(copies)]
    bounds = np.array([span for walk in walks for span in walk], np.int64).reshape(-1, 2)
    none = np.zeros(len(bounds), np.int64)
    return ids, Spans(bounds[:, 0], bounds[:, 1] - bounds[:, 0], none, none, none)


def join_documents(corpus: Corpus, sep_id: int) -> tuple[Int32, Int64]:
    """The documents as one text with a separator between each two.

    Returns:
        ids: (T + D - 1,), and where each sentence stops in them: (S,).
    """
    inner_ends = corpus.sentence_offsets[corpus.document_offsets[1:-1]]
    ids = np.insert(corpus.ids, inner_ends, sep_id)
    separators_before = np.zeros(len(corpus.sentence_offsets) - 1, np.int64)
    separators_before[corpus.document_offsets[1:-1]] = 1
    return ids, corpus.sentence_offsets[1:] + np.cumsum(separators_before)


def _walk(
    stops: list[int], is_separator: bytes, budget: int, targets: Iterator[int]
) -> list[tuple[int, int]]:
    """The spans of one pass: sentences while they fit; a sentence is cut only at the budget."""
    spans = []
    start, end = 0, stops[-1] if stops else 0
    while start < end:
        after = bisect.bisect_right(stops, start + next(targets))
        stop = stops[after - 1] if after else 0
        if stop <= start:  # not even one sentence within the target
            stop = min(stops[after], start + budget)
        spans.append((start, stop))
        start = stop + (stop < end and is_separator[stop])
    return spans


def _draw_forever(
    rng: np.random.Generator, budget: int, short_seq_fraction: float
) -> Iterator[int]:
    return itertools.chain.from_iterable(
        draw_targets(rng, TARGETS_AT_ONCE, budget, short_seq_fraction).tolist()
        for _ in itertools.count()
    )
