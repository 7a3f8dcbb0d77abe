"""Documents to next-sentence pairs as google-research/bert draws them, to compare with it.

Next to `pairing.py`, which is what to train with, three draws differ: a chunk of one sentence is
always labelled random, all other labels come by a coin, and a short target holds for a whole
document. So more than half of the labels are 1, and a lone sentence gives its label away.
"""

import numpy as np

from components.instance_gen.chunks import Chunks
from components.instance_gen.corpus import Corpus
from components.instance_gen.pairing import join_chunks
from components.instance_gen.spans import PAIR_SPECIALS, Spans, draw_targets
from components.instance_gen.tokenizing import Int64

TRIES = 10  # to hit upon another document; the last one counts, whatever it hits


def pair_as_reference(
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
        short_seq_fraction: share of documents with a shorter target, drawn anew for every copy.
        copies: passes over the documents.
        rng: all randomness.

    Returns:
        The spans, and what was left out, by name.
    """
    budget = seq_length - PAIR_SPECIALS
    document = np.tile(np.arange(*own), copies)
    target = draw_targets(rng, len(document), budget, short_seq_fraction)
    chunks = _cut_chunks(corpus, document, target, rng)
    other = _draw_others(chunks.document, len(corpus.document_ids), rng)
    spans, truncated = join_chunks(corpus, chunks, other, budget, rng)
    from_same = int(((chunks.label == 1) & (other == chunks.document)).sum())
    return spans, {"truncated_tokens": truncated, "random_from_same_document": from_same}


def _cut_chunks(corpus: Corpus, document: Int64, target: Int64, rng: np.random.Generator) -> Chunks:
    """Walks every document to its end; a chunk ends at its target, and sentences are put back."""
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
    """(n,) the first of ten uniform documents that is another one, else the tenth."""
    tries = rng.integers(0, documents, (len(own), TRIES))
    is_other = tries != own[:, None]
    is_other[:, -1] = True
    return tries[np.arange(len(own)), is_other.argmax(axis=1)]
