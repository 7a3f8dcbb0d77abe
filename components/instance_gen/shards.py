"""A document shard to an instance shard: Beam's unit of work."""

import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.instance_gen.assembling import Batch, assemble, special_table
from components.instance_gen.corpus import Corpus, concatenate, read_corpus
from components.instance_gen.counting import Tally, add_counts, count_corpus, count_tokens
from components.instance_gen.encoding import Frames, encode_dynamic, encode_static
from components.instance_gen.masking import mask_batch
from components.instance_gen.objective import (
    LABEL_COUNTERS,
    LABELS,
    NO_LABEL,
    make_spans,
    specials_of,
)
from components.instance_gen.spans import Spans
from components.instance_gen.tokenizing import ChunkTokenizer, Int32, Int64
from components.records import check_records, write_frames
from components.settings import InstanceSettings
from core import storage
from core.draw import draw
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.settings.masking import MaskingSettings

BATCH_INSTANCES = 2048  # made, masked and encoded together; some 10 MB at L = 128


@dataclass(frozen=True)
class Job:
    """What all shards of one run share; plain values, so that it travels to any worker."""

    output: str  # folder of the instances
    scratch: str  # folder for what the executor collects
    vocabulary: str  # folder
    vocabulary_digest: str
    instance_settings: str  # JSON
    masking_settings: str  # JSON
    max_predictions: int  # N
    seed: int


def write_shard(job: Job, unit: dict[str, Any]) -> dict[str, Any]:
    """Writes one shard of instances.

    Args:
        job: what all units share.
        unit: one of `plan_units`.

    Returns:
        `shard` (its entry for the manifest), `counts`, `histograms`, `token_counts` (a file).
    """
    settings = InstanceSettings.model_validate_json(job.instance_settings)
    vocabulary, tokenizer = _tokenizer(job.vocabulary, job.vocabulary_digest)
    corpus, own = _read_documents(unit, tokenizer)
    key = (unit["split"], unit["number"])
    copies = settings.dupe_factor if _is_duplicated(settings, unit["split"]) else 1
    rng = draw(job.seed, "pairs", *key)
    ids, spans, skipped = make_spans(corpus, own, settings, copies, vocabulary.sep_id, rng)
    spans = spans.take(draw(job.seed, "order", *key).permutation(len(spans)))
    writer = _Writer(job, settings, vocabulary, key)
    shard = write_frames(job.output, unit["output"], writer.frames(ids, spans))
    specials = specials_of(settings.objective)
    counts, histograms = count_corpus(corpus, own, settings.seq_length, specials)
    return {
        "shard": shard.model_dump(),
        "counts": add_counts([writer.tally.counts, counts, corpus.skipped, skipped]),
        "histograms": writer.tally.histograms() | histograms,
        "token_counts": _save(count_tokens(corpus, own, vocabulary), job.scratch, key),
    }


class _Writer:
    """Spans to records, batch after batch, counting on the way."""

    def __init__(
        self, job: Job, settings: InstanceSettings, vocabulary: Vocabulary, key: tuple[str, int]
    ) -> None:
        self._job = job
        self._settings = settings
        self._vocabulary = vocabulary
        self._key = key
        self._masking = MaskingSettings.model_validate_json(job.masking_settings)
        self._random_ids = np.flatnonzero(~special_table(vocabulary)).astype(np.int32)
        is_static = settings.form == "static"
        self.tally = Tally(settings.seq_length, job.max_predictions if is_static else None)

    def frames(self, ids: Int32, spans: Spans) -> Iterator[Frames]:
        """Framed instances, in the order of the spans."""
        objective = self._settings.objective
        for number, begin in enumerate(range(0, len(spans), BATCH_INSTANCES)):
            rows = np.arange(begin, min(begin + BATCH_INSTANCES, len(spans)))
            batch = assemble(ids, spans.take(rows), self._settings.seq_length, self._vocabulary)
            self.tally.add_batch(batch, self._vocabulary.unk_id, LABEL_COUNTERS.get(objective))
            if self._settings.form == "dynamic":
                yield encode_dynamic(batch, LABELS.get(objective))
            else:
                yield self._mask_and_encode(batch, number)

    def _mask_and_encode(self, batch: Batch, number: int) -> Frames:
        masked = mask_batch(
            batch,
            masking=self._masking,
            max_predictions=self._job.max_predictions,
            mask_id=self._vocabulary.mask_id,
            random_ids=self._random_ids,
            rng=draw(self._job.seed, "mask", *self._key, number),
        )
        self.tally.add_masks(batch, masked, self._vocabulary.mask_id)
        return encode_static(batch, masked, LABELS.get(self._settings.objective, NO_LABEL))


def _is_duplicated(settings: InstanceSettings, split: str) -> bool:
    """Only what is trained on and masked on disk has copies with other masks."""
    return settings.form == "static" and split == "train"


def _read_documents(
    unit: dict[str, Any], tokenizer: ChunkTokenizer
) -> tuple[Corpus, tuple[int, int]]:
    """The documents that the unit may draw from, and which of them are its own."""
    for path, digest in zip(unit["documents"], unit["digests"], strict=True):
        check_records(path, digest)
    parts = [read_corpus(path, tokenizer) for path in unit["documents"]]
    sizes = [len(part.document_ids) for part in parts]
    begin = sum(sizes[: unit["own"]])
    return concatenate(parts), (begin, begin + sizes[unit["own"]])


@functools.lru_cache(maxsize=1)
def _tokenizer(folder: str, digest: str) -> tuple[Vocabulary, ChunkTokenizer]:
    """One for a worker's life: the chunks that it has seen stay known from shard to shard."""
    del digest  # part of the key: another vocabulary under the same path is another one
    vocabulary = load_vocabulary(folder)
    return vocabulary, ChunkTokenizer(vocabulary.tokenizer())


def _save(counts: Int64, scratch: str, key: tuple[str, int]) -> str:
    split, number = key
    path = storage.join(scratch, f"token-counts-{split}-{number:05d}.npy")
    content = io.BytesIO()
    np.save(content, counts, allow_pickle=False)
    storage.write_bytes(path, content.getvalue())
    return path
