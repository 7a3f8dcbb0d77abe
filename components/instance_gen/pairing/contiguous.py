"""Cut documents into inputs of two segments of running text without a label, as ELECTRA does."""

import numpy as np

from components.instance_gen.pairing.token_ranges import (
    PAIR_SPECIALS,
    SINGLE_SPECIALS,
    TokenRanges,
    Walk,
)
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from components.instance_gen.tokenizing.ragged import Int64

MIN_TAIL_TOKENS = 5  # ELECTRA's minimum; a document's last input is shorter only if unavoidable


def cut_contiguous(corpus: TokenizedDocuments, walk: Walk, single_fraction: float) -> TokenRanges:
    """Cut every document into inputs of the target length, one after the other.

    As in ELECTRA, an input ends where it is full, even within a sentence, and its two segments meet
    at the end of a sentence near the middle. ELECTRA drops the rest of the last sentence. Here the
    next input begins with it, so no token is lost.

    A share of the inputs (ELECTRA: 0.1) has one segment, and so has an input within one sentence.
    """
    document = np.tile(np.arange(len(corpus.document_ids)), walk.copies)
    begins = corpus.sentence_offsets[corpus.document_offsets]
    start, steps = begins[document], [np.zeros((3, 0), np.int64)]
    while len(document):
        single = walk.rng.random(len(document)) < single_fraction
        room = walk.seq_length - np.where(single, SINGLE_SPECIALS, PAIR_SPECIALS)
        target = walk.targets(len(document), room)
        stop = _stop(start, begins[document + 1], target, room)
        middle = _middle(corpus, start, stop, walk.rng)
        steps.append(np.stack([start, np.where(single, stop, middle), stop]))
        goes_on = stop < begins[document + 1]
        document, start = document[goes_on], stop[goes_on]
    start, middle, stop = np.concatenate(steps, axis=1)
    return TokenRanges(start, middle - start, middle, stop - middle, np.zeros(len(start), np.int64))


def _stop(start: Int64, end: Int64, target: Int64, room: Int64) -> Int64:
    """Return where the input is full or the document ends, avoiding a very short last input."""
    stop = np.minimum(start + target, end)
    rest = end - stop
    longer = (rest > 0) & (rest < MIN_TAIL_TOKENS)
    whole = longer & (end - start <= room)
    shorter = np.maximum(end - MIN_TAIL_TOKENS, start + 1)
    return np.where(whole, end, np.where(longer, shorter, stop))


def _middle(
    corpus: TokenizedDocuments, start: Int64, stop: Int64, rng: np.random.Generator
) -> Int64:
    """Return the end of a sentence where the second segment begins; `stop` if there is none.

    The first segment takes sentences while they fit in half of the input, and always the first one.
    A coin decides about the sentence across the middle.
    """
    ends = corpus.sentence_offsets
    half = start + (stop - start) // 2
    before = np.searchsorted(ends, half, side="right") - 1
    straddles = (rng.random(len(start)) < 0.5) & (ends[before] < half)
    before = np.where(straddles | (ends[before] <= start), before + 1, before)
    return np.minimum(ends[before], stop)
