"""Make labeled segment pairs: BERT's next sentence and ALBERT's sentence order."""

import numpy as np

from components.instance_gen.pairing.chunks import Chunks, cut_chunks
from components.instance_gen.pairing.token_ranges import PAIR_SPECIALS, TokenRanges, Walk, truncate
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from components.instance_gen.tokenizing.ragged import Int64
from core.errors import InputError


def pair_next_sentences(
    corpus: TokenizedDocuments, own: tuple[int, int], walk: Walk
) -> tuple[TokenRanges, dict[str, int]]:
    """Make pairs; label 1: the second segment is random, 0: it follows the first one.

    The random segment never comes from the same document or one of equal content. Documents outside
    `own` only supply random segments.

    Returns:
        The ranges, exactly half of them with label 1, and counters of what was left out.

    Raises:
        InputError: no document has other content, so there is nothing to draw from.
    """
    chunks, skipped = cut_chunks(corpus, own, walk, put_back=True)
    ranges, truncated = join_chunks(corpus, chunks, _draw_others(corpus, chunks, walk.rng), walk)
    return ranges, {**skipped, "truncated_tokens": truncated}


def pair_in_order(corpus: TokenizedDocuments, walk: Walk) -> tuple[TokenRanges, dict[str, int]]:
    """Make pairs of adjacent segments; label 1: they are swapped, 0: they are in order.

    Both segments always come from the same document. (For a chunk of one sentence, ALBERT's own
    script takes the second segment from another document. So the topic reveals a quarter of its
    labels 1.)

    Returns:
        The ranges, exactly half of them with label 1, and counters of what was left out.
    """
    everything = (0, len(corpus.document_ids))
    chunks, skipped = cut_chunks(corpus, everything, walk, put_back=False)
    is_swapped = chunks.label == 1
    before = np.stack([chunks.start, chunks.cut])
    after = np.stack([chunks.cut, chunks.stop])
    first, second = np.where(is_swapped, after, before), np.where(is_swapped, before, after)
    pairs = _token_ranges(corpus, (first[0], first[1]), (second[0], second[1]), chunks.label)
    ranges, truncated = truncate(pairs, walk.seq_length - PAIR_SPECIALS, walk.rng)
    return ranges, {**skipped, "truncated_tokens": truncated}


def join_chunks(
    corpus: TokenizedDocuments, chunks: Chunks, other: Int64, walk: Walk
) -> tuple[TokenRanges, int]:
    """Add a second segment to every chunk, and truncate the pairs.

    With label 0 it is the text after the cut. With label 1 it is sentences of the other document,
    from a uniformly drawn one on, until the pair has its target length or the document ends.

    `other` (n,) names the document of each chunk. Returns the ranges, and the number of dropped
    tokens.
    """
    begin, end = corpus.document_offsets[other], corpus.document_offsets[other + 1]
    start = walk.rng.integers(begin, end) if len(other) else other
    offsets = corpus.sentence_offsets
    wanted = chunks.target - (offsets[chunks.cut] - offsets[chunks.start])
    stop = np.searchsorted(offsets, offsets[start] + np.maximum(wanted, 1))
    is_random = chunks.label == 1
    second = (
        np.where(is_random, start, chunks.cut),
        np.where(is_random, np.minimum(stop, end), chunks.stop),
    )
    pairs = _token_ranges(corpus, (chunks.start, chunks.cut), second, chunks.label)
    return truncate(pairs, walk.seq_length - PAIR_SPECIALS, walk.rng)


def _token_ranges(
    corpus: TokenizedDocuments,
    first: tuple[Int64, Int64],
    second: tuple[Int64, Int64],
    label: Int64,
) -> TokenRanges:
    """Convert two ranges of sentences to ranges of tokens."""
    offsets = corpus.sentence_offsets
    return TokenRanges(
        first_start=offsets[first[0]],
        first_length=offsets[first[1]] - offsets[first[0]],
        second_start=offsets[second[0]],
        second_length=offsets[second[1]] - offsets[second[0]],
        label=label,
    )


def _draw_others(corpus: TokenizedDocuments, chunks: Chunks, rng: np.random.Generator) -> Int64:
    """Draw for each chunk a document of other content, uniformly (n,)."""
    first, last = _equal_documents(corpus)
    same = last - first  # number of documents with the content of each, itself included
    documents = len(corpus.document_ids)
    if len(chunks.label) and (same == documents).any():
        raise InputError(
            "All documents of a split have the same content, so none can supply the random "
            "segment of next-sentence pairs. Add documents, or set instances.objective=none."
        )
    own = chunks.document
    other = rng.integers(0, documents - same[own]) if len(own) else own
    return np.where(other >= first[own], other + same[own], other)


def _equal_documents(corpus: TokenizedDocuments) -> tuple[Int64, Int64]:
    """Return, for each document, the first one of equal content and the one after the last."""
    names = np.array(corpus.document_ids, dtype=np.bytes_)
    begins = np.flatnonzero(np.append(True, names[1:] != names[:-1]))
    group = np.cumsum(np.append(True, names[1:] != names[:-1])) - 1
    bounds = np.append(begins, len(names))
    return bounds[group], bounds[group + 1]
