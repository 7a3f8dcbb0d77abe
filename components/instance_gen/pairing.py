"""Documents to segment pairs labelled next or random: BERT's next-sentence objective.

The greedy walk over a document is BERT's, done for all documents and all copies at once. What
differs, and why:

- labels come in balanced order and not from a coin, so that each half has exactly as many;
- a chunk of one sentence takes its neighbour in, where BERT forces the label "random": a label
  must not be readable from the shape of the text;
- the random segment never comes from the same document, nor from one of equal content.
"""

from dataclasses import dataclass

import numpy as np

from components.instance_gen.corpus import Corpus
from components.instance_gen.spans import PAIR_SPECIALS, Spans, draw_targets, truncate
from components.instance_gen.tokenizing import Int64
from trainer.errors import InputError


def pair_next_sentences(
    corpus: Corpus,
    own: tuple[int, int],
    *,
    seq_length: int,
    short_seq_fraction: float,
    copies: int,
    rng: np.random.Generator,
) -> tuple[Spans, dict[str, int]]:
    """Makes pairs; label 1 = the second segment is random, 0 = it is what follows.

    Args:
        corpus: the documents; those outside `own` serve as random segments only.
        own: the first of the documents to make pairs of, and the one after the last.
        seq_length: L.
        short_seq_fraction: share of instances with a shorter target.
        copies: passes over the documents, each with other cuts and labels.
        rng: all randomness.

    Returns:
        The spans, with exactly as many labels 1 as 0, and what was left out, by name.

    Raises:
        InputError: there is no second document to draw from.
    """
    budget = seq_length - PAIR_SPECIALS
    chunks, skipped = cut_chunks(corpus, own, budget, short_seq_fraction, copies, rng)
    random_start, random_stop = _random_segments(corpus, chunks, rng)
    is_random = chunks.label == 1
    second_start = np.where(is_random, random_start, chunks.cut)
    second_stop = np.where(is_random, random_stop, chunks.stop)
    offsets = corpus.sentence_offsets
    pairs = Spans(
        first_start=offsets[chunks.start],
        first_length=offsets[chunks.cut] - offsets[chunks.start],
        second_start=offsets[second_start],
        second_length=offsets[second_stop] - offsets[second_start],
        label=chunks.label,
    )
    spans, truncated = truncate(pairs, budget, rng)
    return spans, {**skipped, "truncated_tokens": truncated}


@dataclass(frozen=True)
class Chunks:
    """n runs of sentences of one document, cut in two: `start` < `cut` < `stop`."""

    document: Int64
    start: Int64  # sentence numbers in the corpus
    cut: Int64
    stop: Int64
    target: Int64  # tokens that the pair aims at
    label: Int64

    def take(self, rows: Int64) -> "Chunks":
        """The chunks of these rows."""
        return Chunks(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def cut_chunks(
    corpus: Corpus,
    own: tuple[int, int],
    budget: int,
    short_seq_fraction: float,
    copies: int,
    rng: np.random.Generator,
) -> tuple[Chunks, dict[str, int]]:
    """Walks every document from its start, `copies` times, chunk after chunk.

    A chunk collects sentences until it has the target's tokens, and is cut between two of them.
    Under the label "random" the sentences after the cut are put back, as in BERT.
    """
    numbers = np.arange(*own)
    pairable = numbers[np.diff(corpus.document_offsets)[numbers] >= 2]
    document = np.tile(pairable, copies)
    start = corpus.document_offsets[document]
    labels, steps, tails = _BalancedLabels(rng), [], 0
    while len(document):
        end = corpus.document_offsets[document + 1]
        target = draw_targets(rng, len(document), budget, short_seq_fraction)
        stop = _chunk_stop(corpus, start, end, target)
        cut = start + 1 + rng.integers(0, stop - start - 1)
        label = labels.take(len(document))
        steps.append(np.stack([document, start, cut, stop, target, label]))
        start = np.where(label == 1, cut, stop)
        tails += int((end - start == 1).sum())
        goes_on = end - start >= 2
        document, start = document[goes_on], start[goes_on]
    columns = np.concatenate([np.zeros((6, 0), np.int64), *steps], axis=1)
    chunks, added = _balance(Chunks(*columns))
    return chunks, {
        "no_pair": (len(numbers) - len(pairable)) * copies,
        "unpaired_tails": tails,
        "balancing_instances": added,
    }


def _chunk_stop(corpus: Corpus, start: Int64, end: Int64, target: Int64) -> Int64:
    """Where the chunk ends: enough tokens, two sentences at least, and no lone sentence after."""
    offsets = corpus.sentence_offsets
    stop = np.searchsorted(offsets, offsets[start] + target)
    stop = np.minimum(np.maximum(stop, start + 2), end)
    return np.where(end - stop == 1, end, stop)


def _balance(chunks: Chunks) -> tuple[Chunks, int]:
    """Adds the last chunk once more with the other label, if their number is odd."""
    n = len(chunks.label)
    if n % 2 == 0:
        return chunks, 0
    rows = np.append(np.arange(n), n - 1)
    more = chunks.take(rows)
    more.label[-1] = 1 - more.label[-1]
    return more, 1


def _random_segments(
    corpus: Corpus, chunks: Chunks, rng: np.random.Generator
) -> tuple[Int64, Int64]:
    """For each chunk, sentences of another document: uniform document, uniform first sentence.

    Sentences are taken until the pair has its target or the document ends.
    """
    first, last = _equal_documents(corpus)
    same = last - first  # documents with the content of each, itself among them
    documents = len(corpus.document_ids)
    if len(chunks.label) and (same == documents).any():
        raise InputError(
            "A split has a single document, so no other one can give the random segment of "
            "next-sentence pairs. Add documents, or set instances.objective=none."
        )
    own = chunks.document
    other = rng.integers(0, documents - same[own]) if len(own) else own
    other = np.where(other >= first[own], other + same[own], other)
    begin, end = corpus.document_offsets[other], corpus.document_offsets[other + 1]
    start = rng.integers(begin, end) if len(own) else own
    offsets = corpus.sentence_offsets
    wanted = chunks.target - (offsets[chunks.cut] - offsets[chunks.start])
    stop = np.searchsorted(offsets, offsets[start] + np.maximum(wanted, 1))
    return start, np.minimum(stop, end)


def _equal_documents(corpus: Corpus) -> tuple[Int64, Int64]:
    """The first document of equal content and the one after the last, for each document."""
    names = np.array(corpus.document_ids, dtype=np.bytes_)
    begins = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
    group = np.cumsum(np.append(True, names[1:] != names[:-1])) - 1
    bounds = np.append(begins, len(names))
    return bounds[group], bounds[group + 1]


class _BalancedLabels:
    """Labels in pairs of a 0 and a 1 in random order, so that both are as many at any time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left = np.zeros(0, np.int64)

    def take(self, n: int) -> Int64:
        """The next n labels."""
        first = self._rng.integers(0, 2, -(-(n - len(self._left)) // 2))
        labels = np.concatenate([self._left, np.stack([first, 1 - first], axis=1).reshape(-1)])
        self._left = labels[n:]
        return labels[:n]
