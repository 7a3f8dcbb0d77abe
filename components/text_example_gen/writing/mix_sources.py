"""Measure the sources and choose their mix before shards are written."""

import dataclasses
import functools
from collections import Counter

import numpy as np
import numpy.typing as npt

from components.text_example_gen.reading.errors import CorpusError
from components.text_example_gen.splits import SPLITS
from components.text_example_gen.writing.mix import SourceShare, plan_mix
from components.text_example_gen.writing.shards import Selection, measure_shard, plan_shards
from components.text_settings import TextSettings
from components.unit_work import MapUnits, Unit
from core import storage

Int64 = npt.NDArray[np.int64]


def mix_sources(
    settings: TextSettings,
    selection: Selection,
    text_bytes: Int64,
    map_units: MapUnits,
    scratch: str,
) -> tuple[Selection, Int64]:
    """Return the selection with the mix of the sources, and the bytes of text that it leaves.

    The documents are measured after duplicates are dropped, so that the shares are those of the
    text that is written.

    Args:
        settings: with sources.
        selection: without a mix.
        text_bytes: (splits, buckets) bytes of text before mixing.
        map_units: processes units of work.
        scratch: folder for temporary files.

    Raises:
        CorpusError: a source that has weight has no text, or no text is left in a split.
    """
    all_units = plan_shards(text_bytes, settings.shard_bytes)
    whole = {source.name: SourceShare() for source in settings.sources}

    def measure(mix: dict[str, SourceShare], units: list[Unit], name: str) -> list[Unit]:
        chosen = dataclasses.replace(selection, mix=mix)
        work = functools.partial(measure_shard, selection=chosen)
        return map_units(work, units, storage.join(scratch, name))

    train = [unit for unit in all_units if SPLITS[unit["split"]] == "train"]
    by_source: Counter[str] = Counter()
    for result in measure(whole, train, "measure"):
        by_source.update(result["sources"])
    mix = plan_mix(settings.sources, by_source)
    left = np.zeros_like(text_bytes)
    for unit, result in zip(all_units, measure(mix, all_units, "mix"), strict=True):
        left[unit["split"], unit["first_bucket"] : unit["last_bucket"]] = result["buckets"]
    for split, size in zip(SPLITS, left.sum(axis=1), strict=True):
        if not size:
            raise CorpusError(
                f"The weights of text.sources leave no document in the {split} split. Give more "
                f"text to the source that limits the others, or less weight."
            )
    return dataclasses.replace(selection, mix=mix), left
