"""Documents to two segments of running text without a label: ELECTRA's input."""

import numpy as np

from components.instance_gen.corpus import Corpus
from components.instance_gen.spans import PAIR_SPECIALS, SINGLE_SPECIALS, Spans, draw_targets
from components.instance_gen.tokenizing import Int64

LEAST_TAIL = 5  # tokens; a document's rest is not shorter if it can be helped (ELECTRA's least)


def cut_contiguous(
    corpus: Corpus,
    *,
    seq_length: int,
    short_seq_fraction: float,
    single_fraction: float,
    copies: int,
    rng: np.random.Generator,
) -> Spans:
    """Cuts every document into inputs of the target's length, one after the other.

    As in ELECTRA an input ends where it is full, within a sentence if need be, and its two
    segments meet at the end of a sentence near the middle. ELECTRA throws the rest of the
    sentence away; here the next input begins with it, so that no token is lost.

    Args:
        corpus: the documents.
        seq_length: L.
        short_seq_fraction: share of inputs with a shorter target.
        single_fraction: share of inputs of one segment (ELECTRA: 0.1).
        copies: passes over the documents, each with other cuts.
        rng: all randomness.

    Returns:
        The spans. An input within a single sentence has one segment too.
    """
    document = np.tile(np.arange(len(corpus.document_ids)), copies)
    begins = corpus.sentence_offsets[corpus.document_offsets]
    start, steps = begins[document], [np.zeros((3, 0), np.int64)]
    while len(document):
        single = rng.random(len(document)) < single_fraction
        room = seq_length - np.where(single, SINGLE_SPECIALS, PAIR_SPECIALS)
        target = draw_targets(rng, len(document), room, short_seq_fraction)
        stop = _stop(start, begins[document + 1], target, room)
        middle = _middle(corpus, start, stop, rng)
        steps.append(np.stack([start, np.where(single, stop, middle), stop]))
        goes_on = stop < begins[document + 1]
        document, start = document[goes_on], stop[goes_on]
    start, middle, stop = np.concatenate(steps, axis=1)
    return Spans(start, middle - start, middle, stop - middle, np.zeros(len(start), np.int64))


def _stop(start: Int64, end: Int64, target: Int64, room: Int64) -> Int64:
    """Where the input is full, or the document ends; short rests are made a little longer."""
    stop = np.minimum(start + target, end)
    rest = end - stop
    longer = (rest > 0) & (rest < LEAST_TAIL)
    whole = longer & (end - start <= room)
    shorter = np.maximum(end - LEAST_TAIL, start + 1)
    return np.where(whole, end, np.where(longer, shorter, stop))


def _middle(corpus: Corpus, start: Int64, stop: Int64, rng: np.random.Generator) -> Int64:
    """The end of a sentence where the second segment begins; `stop` if there is none before.

    Sentences go to the first segment while they fit in half of the input, the first one in any
    case, and the one that straddles the middle by a coin.
    """
    ends = corpus.sentence_offsets
    half = start + (stop - start) // 2
    before = np.searchsorted(ends, half, side="right") - 1
    straddles = (rng.random(len(start)) < 0.5) & (ends[before] < half)
    before = np.where(straddles | (ends[before] <= start), before + 1, before)
    return np.minimum(ends[before], stop)
