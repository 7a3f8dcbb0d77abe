"""Count the words of the text to train on, in any process: a shard is a unit of work."""

import functools
import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from components.settings import VocabularySettings
from components.unit_work import MapUnits, Result, Unit
from components.vocabulary_gen.text_sample import SAMPLED_SPLIT, TextSample
from components.vocabulary_gen.training import train_unigram, train_wordpiece
from components.vocabulary_gen.writing.build_tokenizer import make_normalizer
from core import storage
from core.manifest import Manifest

SHARDS_AT_ONCE = 64  # at most, and no more than the sample probably needs


def count_sample(
    folder: str,
    documents: Manifest,
    settings: VocabularySettings,
    map_units: MapUnits,
    scratch: str,
) -> tuple[Counter[str], int]:
    """Return how often each word occurs in the sample, and the sample's bytes of text.

    The sample is that of `sample_text`. Workers cannot know where it ends, so the shard with its
    end is counted again, up to there.
    """
    shards = documents.shards[SAMPLED_SPLIT]
    counts = documents.counts.get(SAMPLED_SPLIT, {})
    mean_bytes = max(1, counts.get("text_bytes", settings.sample_bytes) // max(1, len(shards)))
    count = functools.partial(count_shard, settings, scratch)
    words: Counter[str] = Counter()
    begin, text_bytes = 0, 0
    while begin < len(shards) and (left := settings.sample_bytes - text_bytes) > 0:
        end = begin + min(SHARDS_AT_ONCE, math.ceil(left / mean_bytes))
        units: list[Unit] = [
            {
                "number": number,
                "path": storage.join(folder, shard.path),
                "sha256": shard.sha256,
                "max_bytes": left,
                "shown_bytes": mean_bytes,
            }
            for number, shard in enumerate(shards[begin:end], begin)
        ]
        results = map_units(count, units, storage.join(scratch, f"from-{begin}"))
        for unit, result in zip(units, results, strict=True):
            if (left := settings.sample_bytes - text_bytes) <= 0:
                break
            is_end = left < min(result["text_bytes"], unit["max_bytes"])
            counted = count({**unit, "max_bytes": left}) if is_end else result
            words.update(json.loads(storage.read_bytes(counted["words"])))
            text_bytes += counted["text_bytes"]
        begin = end
    return words, text_bytes


def count_shard(settings: VocabularySettings, scratch: str, unit: Unit) -> Result:
    """Count the words at the beginning of a shard; write them to a file as JSON."""
    text = TextSample({unit["path"]: unit["sha256"]}, unit["max_bytes"], unit["shown_bytes"])
    words = count_words(text, settings)
    path = storage.join(scratch, f"words-{unit['number']:05d}.json")
    storage.write_bytes(path, json.dumps(words).encode())
    return {"words": path, "text_bytes": text.text_bytes}


def count_words(documents: Iterable[Sequence[str]], settings: VocabularySettings) -> Counter[str]:
    """Count the words of the normalized text, as the kind of vocabulary separates them."""
    kind = train_wordpiece if settings.kind == "wordpiece" else train_unigram
    return kind.count_words(documents, make_normalizer(settings))
