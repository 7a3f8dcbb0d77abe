"""Divide documents into chunks: runs of whole sentences, cut in two, with balanced labels.

The walk over a document is BERT's, done for all documents and all copies at once. It differs in two
ways:

- Labels come in balanced order instead of from a coin, so exactly half of them are 1.
- A chunk of one sentence also takes its neighbor, where BERT forces the label "random". Otherwise
  the label could be read from the shape of the text.
"""

from dataclasses import dataclass

import numpy as np

from components.instance_gen.pairing.token_ranges import PAIR_SPECIALS, Walk
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from components.instance_gen.tokenizing.ragged import Int64


@dataclass(frozen=True)
class Chunks:
    """n runs of sentences of one document, cut in two: `start` < `cut` < `stop`."""

    document: Int64
    start: Int64  # sentence numbers in the corpus
    cut: Int64
    stop: Int64
    target: Int64  # target length of the pair in tokens
    label: Int64

    def take(self, rows: Int64) -> "Chunks":
        """Return the chunks of these rows."""
        return Chunks(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def cut_chunks(
    corpus: TokenizedDocuments, own: tuple[int, int], walk: Walk, put_back: bool
) -> tuple[Chunks, dict[str, int]]:
    """Walk every document from its start, chunk after chunk.

    A chunk collects sentences until it has the target length, and is cut between two of them.

    `own` is the first document to walk and the one after the last. With `put_back`, label 1 leaves
    the sentences after the cut to the next chunk.

    Returns:
        The chunks, half of them with label 1, and counters of what was left out.
    """
    numbers = np.arange(*own)
    pairable = numbers[np.diff(corpus.document_offsets)[numbers] >= 2]
    document = np.tile(pairable, walk.copies)
    start = corpus.document_offsets[document]
    labels, steps, tails = _BalancedLabels(walk.rng), [], 0
    while len(document):
        end = corpus.document_offsets[document + 1]
        target = walk.targets(len(document), walk.seq_length - PAIR_SPECIALS)
        stop = _chunk_stop(corpus, start, end, target)
        cut = start + 1 + walk.rng.integers(0, stop - start - 1)
        label = labels.take(len(document))
        steps.append(np.stack([document, start, cut, stop, target, label]))
        start = np.where(label == 1, cut, stop) if put_back else stop
        tails += int((end - start == 1).sum())
        goes_on = end - start >= 2
        document, start = document[goes_on], start[goes_on]
    columns = np.concatenate([np.zeros((6, 0), np.int64), *steps], axis=1)
    chunks, added = _balance(Chunks(*columns))
    return chunks, {
        "no_pair": (len(numbers) - len(pairable)) * walk.copies,
        "unpaired_tails": tails,
        "balancing_instances": added,
    }


def _chunk_stop(corpus: TokenizedDocuments, start: Int64, end: Int64, target: Int64) -> Int64:
    """Return where each chunk stops.

    It has the target length and at least two sentences, and does not leave one sentence behind.
    """
    offsets = corpus.sentence_offsets
    stop = np.searchsorted(offsets, offsets[start] + target)
    stop = np.minimum(np.maximum(stop, start + 2), end)
    return np.where(end - stop == 1, end, stop)


def _balance(chunks: Chunks) -> tuple[Chunks, int]:
    """If the number of chunks is odd, repeat the last one with the other label."""
    n = len(chunks.label)
    if n % 2 == 0:
        return chunks, 0
    rows = np.append(np.arange(n), n - 1)
    balanced = chunks.take(rows)
    balanced.label[-1] = 1 - balanced.label[-1]
    return balanced, 1


class _BalancedLabels:
    """Labels in pairs of a 0 and a 1 in random order, so their numbers differ by at most one."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left = np.zeros(0, np.int64)

    def take(self, n: int) -> Int64:
        """Return the next n labels."""
        first = self._rng.integers(0, 2, -(-(n - len(self._left)) // 2))
        labels = np.concatenate([self._left, np.stack([first, 1 - first], axis=1).reshape(-1)])
        self._left = labels[n:]
        return labels[:n]
