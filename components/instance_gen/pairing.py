"""Documents to labelled segment pairs: BERT's next sentence and ALBERT's sentence order."""

import numpy as np

from components.instance_gen.chunks import Chunks, cut_chunks
from components.instance_gen.corpus import Corpus
from components.instance_gen.spans import PAIR_SPECIALS, Spans, truncate
from components.instance_gen.tokenizing import Int64
from core.errors import InputError


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

    The random segment never comes from the same document, nor from one of equal content.

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
        InputError: there is no document of other content to draw from.
    """
    budget = seq_length - PAIR_SPECIALS
    chunks, skipped = cut_chunks(
        corpus, own, budget, short_seq_fraction, copies, put_back=True, rng=rng
    )
    spans, truncated = join_chunks(corpus, chunks, _draw_others(corpus, chunks, rng), budget, rng)
    return spans, {**skipped, "truncated_tokens": truncated}


def pair_in_order(
    corpus: Corpus,
    *,
    seq_length: int,
    short_seq_fraction: float,
    copies: int,
    rng: np.random.Generator,
) -> tuple[Spans, dict[str, int]]:
    """Makes pairs of neighbours; label 1 = they are swapped, 0 = they are in order.

    Both segments always come from one place of one document. (ALBERT's own script takes the
    second from another document where a chunk has one sentence, so that a quarter of its label 1
    can be told by the topic.)

    Args:
        corpus: the documents.
        seq_length: L.
        short_seq_fraction: share of instances with a shorter target.
        copies: passes over the documents, each with other cuts and labels.
        rng: all randomness.

    Returns:
        The spans, with exactly as many labels 1 as 0, and what was left out, by name.
    """
    budget = seq_length - PAIR_SPECIALS
    everything = (0, len(corpus.document_ids))
    chunks, skipped = cut_chunks(
        corpus, everything, budget, short_seq_fraction, copies, put_back=False, rng=rng
    )
    is_swapped = chunks.label == 1
    before = np.stack([chunks.start, chunks.cut])
    after = np.stack([chunks.cut, chunks.stop])
    first, second = np.where(is_swapped, after, before), np.where(is_swapped, before, after)
    pairs = _spans(corpus, (first[0], first[1]), (second[0], second[1]), chunks.label)
    spans, truncated = truncate(pairs, budget, rng)
    return spans, {**skipped, "truncated_tokens": truncated}


def join_chunks(
    corpus: Corpus, chunks: Chunks, other: Int64, budget: int, rng: np.random.Generator
) -> tuple[Spans, int]:
    """Gives every chunk its second segment, and cuts the pairs to fit.

    Label 0 keeps what follows the cut. Label 1 takes sentences of the other document, from a
    uniform one on, until the pair has its target or the document ends.

    Args:
        corpus: the documents.
        chunks: n chunks with labels.
        other: (n,) the document that a random segment is drawn from.
        budget: tokens of a pair at most.
        rng: all randomness.

    Returns:
        The spans, and the number of tokens that were cut off.
    """
    begin, end = corpus.document_offsets[other], corpus.document_offsets[other + 1]
    start = rng.integers(begin, end) if len(other) else other
    offsets = corpus.sentence_offsets
    wanted = chunks.target - (offsets[chunks.cut] - offsets[chunks.start])
    stop = np.searchsorted(offsets, offsets[start] + np.maximum(wanted, 1))
    is_random = chunks.label == 1
    second = (
        np.where(is_random, start, chunks.cut),
        np.where(is_random, np.minimum(stop, end), chunks.stop),
    )
    pairs = _spans(corpus, (chunks.start, chunks.cut), second, chunks.label)
    return truncate(pairs, budget, rng)


def _spans(
    corpus: Corpus, first: tuple[Int64, Int64], second: tuple[Int64, Int64], label: Int64
) -> Spans:
    """Sentences from … to, twice, as spans of tokens."""
    offsets = corpus.sentence_offsets
    return Spans(
        first_start=offsets[first[0]],
        first_length=offsets[first[1]] - offsets[first[0]],
        second_start=offsets[second[0]],
        second_length=offsets[second[1]] - offsets[second[0]],
        label=label,
    )


def _draw_others(corpus: Corpus, chunks: Chunks, rng: np.random.Generator) -> Int64:
    """(n,) for each chunk a document of other content, all alike."""
    first, last = _equal_documents(corpus)
    same = last - first  # documents with the content of each, itself among them
    documents = len(corpus.document_ids)
    if len(chunks.label) and (same == documents).any():
        raise InputError(
            "All documents of a split have the same content, so no other one can give the random "
            "segment of next-sentence pairs. Add documents, or set instances.objective=none."
        )
    own = chunks.document
    other = rng.integers(0, documents - same[own]) if len(own) else own
    return np.where(other >= first[own], other + same[own], other)


def _equal_documents(corpus: Corpus) -> tuple[Int64, Int64]:
    """The first document of equal content and the one after the last, for each document."""
    names = np.array(corpus.document_ids, dtype=np.bytes_)
    begins = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
    group = np.cumsum(np.append(True, names[1:] != names[:-1])) - 1
    bounds = np.append(begins, len(names))
    return bounds[group], bounds[group + 1]
