"""Turn one shard of documents into one shard of instances: Beam's unit of work."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from components.instance_gen.pairing.assemble import assemble
from components.instance_gen.pairing.objective import count_specials, make_token_ranges
from components.instance_gen.pairing.token_ranges import TokenRanges
from components.instance_gen.tokenizing.chunk_tokenizer import ChunkTokenizer
from components.instance_gen.tokenizing.documents import (
    TokenizedDocuments,
    concatenate,
    read_documents,
)
from components.instance_gen.tokenizing.ragged import Int32
from components.instance_gen.writing.counters import (
    InstanceCounter,
    add_counts,
    count_documents,
    count_sources,
    count_tokens,
)
from components.instance_gen.writing.encode import Frames, count_and_encode
from components.instance_gen.writing.plan import ShardContext
from components.instance_gen.writing.publish import save_array
from components.records import check_records, write_frames
from components.statistics_gen.value_counts import save_value_counts
from core.draw import draw
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary

BATCH_INSTANCES = 2048  # assembled, masked and encoded together; about 10 MB at L = 128


def write_shard(context: ShardContext, unit: dict[str, Any]) -> dict[str, Any]:
    """Write one shard of instances.

    Returns:
        `shard` (its entry in the manifest), `counts`, `histograms`, `token_counts`,
        `value_counts` and, of held-out text with several sources, `source_ids` (files).
    """
    settings = context.settings
    vocabulary, tokenizer = _load_tokenizer(context.vocabulary, context.vocabulary_digest)
    corpus, own = _read_pool(unit, tokenizer)
    key = (unit["split"], unit["number"])
    # Only training instances with masks on disk have copies, which differ in their masks.
    is_copied = settings.form == "static" and unit["split"] == "train"
    copies = settings.dupe_factor if is_copied else 1
    rng = draw(context.seed, "pairs", *key)
    ids, ranges, skipped = make_token_ranges(corpus, own, settings, copies, vocabulary.sep_id, rng)
    ranges = ranges.take(draw(context.seed, "order", *key).permutation(len(ranges)))
    slots = context.max_predictions if settings.form == "static" else None
    counter = InstanceCounter(settings.seq_length, slots)
    frames = _encode(ids, ranges, context, vocabulary, counter, key)
    shard = write_frames(context.output, unit["output"], frames)
    specials = count_specials(settings.objective)
    counts, histograms = count_documents(corpus, own, settings.seq_length, specials)
    counts = add_counts([counter.counts, counts, corpus.skipped, skipped])
    tokens = count_tokens(corpus, own, vocabulary)
    result = {
        "shard": shard.model_dump(),
        "counts": counts,
        "histograms": counter.histograms() | histograms,
        "token_counts": save_array(tokens, "token-counts", context.scratch, *key),
        "value_counts": save_value_counts(counter.values.counts(), context.scratch, *key),
    }
    if unit["sources"]:
        of_sources, source_ids = count_sources(corpus, own, ids, ranges, unit["sources"])
        counts.update(of_sources)
        if unit["split"] != "train":
            result["source_ids"] = save_array(source_ids, "source-ids", context.scratch, *key)
    return result


def _encode(
    ids: Int32,
    ranges: TokenRanges,
    context: ShardContext,
    vocabulary: Vocabulary,
    counter: InstanceCounter,
    key: tuple[str, int],
) -> Iterator[Frames]:
    """Yield framed instances in the order of the ranges, and count them."""
    for number, begin in enumerate(range(0, len(ranges), BATCH_INSTANCES)):
        rows = np.arange(begin, min(begin + BATCH_INSTANCES, len(ranges)))
        batch = assemble(ids, ranges.take(rows), context.settings.seq_length, vocabulary)
        yield count_and_encode(batch, None, context, vocabulary, counter, ("mask", *key, number))


def _read_pool(
    unit: dict[str, Any], tokenizer: ChunkTokenizer
) -> tuple[TokenizedDocuments, tuple[int, int]]:
    """Read the documents that the unit may draw from, and return which of them are its own."""
    for path, digest in zip(unit["documents"], unit["digests"], strict=True):
        check_records(path, digest)
    parts = [read_documents(path, tokenizer) for path in unit["documents"]]
    sizes = [len(part.document_ids) for part in parts]
    begin = sum(sizes[: unit["own"]])
    return concatenate(parts), (begin, begin + sizes[unit["own"]])


@functools.lru_cache(maxsize=1)
def _load_tokenizer(folder: str, digest: str) -> tuple[Vocabulary, ChunkTokenizer]:
    """Load the tokenizer once per worker, so that its cache of chunks serves all shards."""
    del digest  # only part of the cache key: the folder's vocabulary may have been replaced
    vocabulary = load_vocabulary(folder)
    return vocabulary, ChunkTokenizer(vocabulary.tokenizer())
