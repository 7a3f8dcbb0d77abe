"""Make next-sentence pairs exactly as google-research/bert does, for comparisons.

Train with `segment_pairs.py` instead. Three draws differ here: a chunk of one sentence always gets
the label "random", a coin decides all other labels, and a short target holds for a whole document.
So more than half of the labels are 1, and a single sentence reveals its label.
"""

import numpy as np

from components.instance_gen.pairing.chunks import Chunks
from components.instance_gen.pairing.segment_pairs import join_chunks
from components.instance_gen.pairing.token_ranges import PAIR_SPECIALS, TokenRanges, Walk
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from components.instance_gen.tokenizing.ragged import Int64

MAX_TRIES = 10  # draws until another document is found; the last draw counts in any case


def pair_as_reference(
    corpus: TokenizedDocuments, own: tuple[int, int], walk: Walk
) -> tuple[TokenRanges, dict[str, int]]:
    """Make pairs; label 1: the second segment is random, 0: it follows the first one.

    Documents outside `own` only supply random segments. A copy draws again which share of its
    documents has a shorter target. Returns the ranges, and counters of what was left out.
    """
    document = np.tile(np.arange(*own), walk.copies)
    target = walk.targets(len(document), walk.seq_length - PAIR_SPECIALS)
    chunks = _cut_chunks(corpus, document, target, walk.rng)
    other = _draw_others(chunks.document, len(corpus.document_ids), walk.rng)
    ranges, truncated = join_chunks(corpus, chunks, other, walk)
    from_same = int(((chunks.label == 1) & (other == chunks.document)).sum())
    return ranges, {"truncated_tokens": truncated, "random_from_same_document": from_same}


def _cut_chunks(
    corpus: TokenizedDocuments, document: Int64, target: Int64, rng: np.random.Generator
) -> Chunks:
    """Walk every document; a chunk ends at its target, and unused sentences are put back."""
    offsets = corpus.sentence_offsets
    start, end = corpus.document_offsets[document], corpus.document_offsets[document + 1]
    steps = [np.zeros((6, 0), np.int64)]
    while len(document):
        stop = np.minimum(np.searchsorted(offsets, offsets[start] + target), end)
        sentences = stop - start
        cut = start + 1 + rng.integers(0, np.maximum(sentences - 1, 1))
        label = np.where(sentences == 1, 1, rng.integers(0, 2, len(document)))
        steps.append(np.stack([document, start, cut, stop, target, label]))
        start = np.where(label == 1, cut, stop)
        goes_on = start < end
        document, target, start, end = (each[goes_on] for each in (document, target, start, end))
    return Chunks(*np.concatenate(steps, axis=1))


def _draw_others(own: Int64, documents: int, rng: np.random.Generator) -> Int64:
    """Return the first of ten uniformly drawn documents that differs, or else the tenth (n,)."""
    tries = rng.integers(0, documents, (len(own), MAX_TRIES))
    is_other = tries != own[:, None]
    is_other[:, -1] = True
    return tries[np.arange(len(own)), is_other.argmax(axis=1)]
