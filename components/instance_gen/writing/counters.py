"""Count instances for the manifest's counters and histograms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.instance_gen.masking import MaskedBatch
from components.instance_gen.pairing.assemble import UnmaskedBatch
from components.instance_gen.pairing.token_ranges import TokenRanges
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from components.instance_gen.tokenizing.ragged import Int32, Int64
from components.statistics_gen.value_counts import ValueCounter
from components.text_example_gen.documents import find_source
from core.manifest import OF_SOURCE
from core.vocabulary.vocabulary import Vocabulary

Counts = dict[str, int]
SourceIds = npt.NDArray[np.uint16]
Histograms = dict[str, list[int]]


class InstanceCounter:
    """Counters of instances, updated while they are written; recounting the records agrees."""

    def __init__(self, seq_length: int, max_predictions: int | None) -> None:
        """Start at zero; `max_predictions` (N) is None if no masks are written."""
        self.counts: Counts = {}
        self.values = ValueCounter()  # for StatisticsGen
        self._histograms = {"length": np.zeros(seq_length + 1, np.int64)}
        if max_predictions is not None:
            self._histograms["masked_position"] = np.zeros(seq_length, np.int64)
            self._histograms["masked_per_instance"] = np.zeros(max_predictions + 1, np.int64)

    def add(self, name: str, number: int) -> None:
        """Add to a counter and create it if missing, even with 0."""
        self.counts[name] = self.counts.get(name, 0) + number

    def add_batch(self, batch: UnmaskedBatch, unk_id: int, label: tuple[str, str] | None) -> None:
        """Count instances before masking; `label` names the counters of label 1 and label 0."""
        real = int(batch.lengths.sum())
        self.add("instances", len(batch.lengths))
        self.add("real_tokens", real)
        self.add("padding_tokens", batch.input_ids.size - real)
        self.add("unknown_tokens", int((batch.input_ids == unk_id).sum()))
        if label is not None:
            self.add(label[0], int(batch.label.sum()))
            self.add(label[1], int(len(batch.label) - batch.label.sum()))
        self._fill("length", batch.lengths)

    def add_masks(self, batch: UnmaskedBatch, masked: MaskedBatch, mask_id: int) -> None:
        """Count the effects of masking, as they can be seen in the records.

        A random replacement that happens to equal the original counts as kept.
        """
        used = masked.weights > 0
        per_instance = used.sum(axis=1)
        row = np.repeat(np.arange(len(used)), per_instance)
        new = masked.input_ids[row, masked.positions[used]]
        kept, replaced = new == masked.ids[used], new == mask_id
        self.add("masked_tokens", len(new))
        self.add("mask_replaced", int(replaced.sum()))
        self.add("random_replaced", int((~kept & ~replaced).sum()))
        self.add("kept", int(kept.sum()))
        self.add("unmaskable_instances", int((per_instance == 0).sum()))
        self._fill("masked_position", masked.positions[used])
        self._fill("masked_per_instance", per_instance)

    def histograms(self) -> Histograms:
        """Return the histograms by name: counts by value."""
        return {name: counts.tolist() for name, counts in self._histograms.items()}

    def _fill(self, name: str, values: npt.NDArray[Any]) -> None:
        histogram = self._histograms[name]
        histogram += np.bincount(values, minlength=len(histogram))


def count_documents(
    corpus: TokenizedDocuments, own: tuple[int, int], seq_length: int, specials: int
) -> tuple[Counts, Histograms]:
    """Count the shard's own documents once, independent of the number of copies.

    Sentences longer than `seq_length` are in the last bin of the histogram.
    """
    begin, end = own
    sentences = corpus.document_offsets[begin : end + 1]
    tokens = np.diff(corpus.sentence_offsets[sentences[0] : sentences[-1] + 1])
    histogram = np.bincount(np.minimum(tokens, seq_length), minlength=seq_length + 1)
    counts = {
        "documents": end - begin,
        "sentences": len(tokens),
        "corpus_tokens": int(tokens.sum()),
        "single_sentence_documents": int((np.diff(sentences) == 1).sum()),
        "overlong_sentences": int((tokens > seq_length - specials).sum()),
    }
    return counts, {"sentence_tokens": histogram.tolist()}


def count_sources(
    corpus: TokenizedDocuments,
    own: tuple[int, int],
    ids: Int32,
    ranges: TokenRanges,
    sources: Sequence[str],
) -> tuple[Counts, SourceIds]:
    """Count tokens and instances of each source.

    An instance is of the source in which its first segment begins.

    Args:
        corpus: the documents.
        own: the first of the shard's own documents, and the one after the last.
        ids: the text that the ranges refer to: that of the documents, with or without a separator
            between neighbors.
        ranges: the instances.
        sources: the names of the sources.

    Returns:
        The counts, and the number of each instance's source in `sources` (n,).
    """
    numbers = {name: number for number, name in enumerate(sources)}
    of_document = np.array([numbers[find_source(f.decode())] for f in corpus.files], np.uint16)
    starts = corpus.sentence_offsets[corpus.document_offsets]
    begin, end = own
    tokens = np.bincount(
        of_document[begin:end], np.diff(starts[begin : end + 1]), minlength=len(sources)
    )
    if len(ids) > len(corpus.ids):
        starts = starts + np.arange(len(starts))
    of_instance = of_document[np.searchsorted(starts, ranges.first_start, side="right") - 1]
    instances = np.bincount(of_instance, minlength=len(sources))
    counts: Counts = {}
    for name, of_tokens, of_instances in zip(sources, tokens, instances, strict=True):
        counts[f"tokens{OF_SOURCE}{name}"] = int(of_tokens)
        counts[f"instances{OF_SOURCE}{name}"] = int(of_instances)
    return counts, of_instance


def count_tokens(corpus: TokenizedDocuments, own: tuple[int, int], vocabulary: Vocabulary) -> Int64:
    """Count each token that is not special in the shard's own documents (V,)."""
    begin, end = corpus.sentence_offsets[corpus.document_offsets[list(own)]]
    counts = np.bincount(corpus.ids[begin:end], minlength=vocabulary.size)
    counts[list(vocabulary.special_ids)] = 0
    return counts


def add_counts(parts: Iterable[Mapping[str, int]]) -> Counts:
    """Add up counters by name."""
    total: Counts = {}
    for part in parts:
        for name, number in part.items():
            total[name] = total.get(name, 0) + number
    return total


def add_histograms(parts: Iterable[Mapping[str, list[int]]]) -> Histograms:
    """Add up histograms of equal length by name."""
    total: dict[str, Int64] = {}
    for part in parts:
        for name, counts in part.items():
            total[name] = total.get(name, 0) + np.array(counts, np.int64)
    return {name: counts.tolist() for name, counts in total.items()}
