"""Documents to chunks: runs of whole sentences, cut in two, each with a balanced label.

The greedy walk over a document is BERT's, done for all documents and all copies at once. What
differs, and why:

- labels come in balanced order and not from a coin, so that each half has exactly as many;
- a chunk of one sentence takes its neighbour in, where BERT forces the label "random": a label
  must not be readable from the shape of the text.
"""

from dataclasses import dataclass

import numpy as np

from components.instance_gen.corpus import Corpus
from components.instance_gen.spans import draw_targets
from components.instance_gen.tokenizing import Int64


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
    put_back: bool,
    rng: np.random.Generator,
) -> tuple[Chunks, dict[str, int]]:
    """Walks every document from its start, `copies` times, chunk after chunk.

    A chunk collects sentences until it has the target's tokens, and is cut between two of them.

    Args:
        corpus: the documents.
        own: the first of the documents to walk over, and the one after the last.
        budget: tokens of a pair at most.
        short_seq_fraction: share of chunks with a shorter target.
        copies: passes over the documents.
        put_back: whether label 1 leaves the sentences after the cut to the next chunk.
        rng: all randomness.

    Returns:
        The chunks, as many with label 1 as with 0, and what was left out, by name.
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
        start = np.where(label == 1, cut, stop) if put_back else stop
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
