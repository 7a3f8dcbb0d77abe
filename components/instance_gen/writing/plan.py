"""Plan the work: one unit per document shard, and the masked slots of an instance."""

import math
from collections.abc import Sequence
from typing import Any

from components.instance_gen.pairing.objective import draws_from_others
from components.settings import InstanceSettings
from core import storage
from core.errors import InputError
from core.manifest import Manifest
from trainer.settings.masking import MaskingSettings

# Documents that supply random segments; a shard with fewer borrows from its neighbors.
MIN_POOL_DOCUMENTS = 64


def plan_units(
    documents_folder: str, documents: Manifest, splits: Sequence[str], settings: InstanceSettings
) -> list[dict[str, Any]]:
    """Plan one unit of work per document shard; the plan depends on the corpus alone.

    Returns:
        Units with `split`, `number`, `documents` (paths in the corpus's order), their `digests`,
        `own` (index of the shard that becomes instances) and `output` (the shard to write).

    Raises:
        InputError: a split has a single document, and the objective needs another one.
    """
    units = []
    for split in splits:
        shards = documents.shards[split]
        sizes = [shard.records for shard in shards]
        needs_others = draws_from_others(settings.objective)
        if needs_others and sum(sizes) == 1:
            raise InputError(
                f"The split {split!r} has a single document, so none can supply the random "
                "segment of next-sentence pairs. Add documents (separated by blank lines), or set "
                "instances.objective=none."
            )
        for number in range(len(shards)):
            pool = choose_pool(sizes, number) if needs_others else [number]
            units.append(
                {
                    "split": split,
                    "number": number,
                    "documents": [storage.join(documents_folder, shards[n].path) for n in pool],
                    "digests": [shards[n].sha256 for n in pool],
                    "own": pool.index(number),
                    "output": shard_path(split, number, len(shards)),
                }
            )
    return units


def shard_path(split: str, number: int, total: int) -> str:
    """Return the path of a shard of instances in the artifact's folder."""
    return f"Split-{split}/instances-{number:05d}-of-{total:05d}.tfrecord.gz"


def choose_pool(sizes: Sequence[int], number: int) -> list[int]:
    """Choose the shards that supply random segments: the shard and, if small, neighbors; sorted.

    Shards are ranges of a hash of the content, so each of them is a fair sample of the corpus.
    """
    pool, documents, step = [number], sizes[number], 1
    while documents < MIN_POOL_DOCUMENTS and step < len(sizes):
        neighbor = (number + step) % len(sizes)
        pool.append(neighbor)
        documents, step = documents + sizes[neighbor], step + 1
    return sorted(pool)


def count_slots(settings: InstanceSettings, masking: MaskingSettings) -> int:
    """Return N, the masked slots per instance: as set, or enough for the highest rate at length L.

    Raises:
        InputError: the setting would reduce the rate.
    """
    rate = masking.highest_rate
    # Rounded first, because 0.1 * 30 is 3.0000000000000004.
    needed = math.ceil(round(rate * settings.seq_length, 6))
    slots = settings.max_predictions
    if slots is None:
        return needed
    # BERT rounds to the nearest number, so with 19.2 tokens per instance the 20th slot stays empty.
    minimum = max(round(rate * settings.seq_length), 1)
    if slots < minimum:
        name = "masking.rate" if rate == masking.rate else "masking.schedule.end_rate"
        raise InputError(
            f"instances.max_predictions={slots} cuts {name}={rate}: inputs of "
            f"{settings.seq_length} tokens have {minimum} tokens to predict. "
            f"Remove it (the default is then {needed}), or lower {name}."
        )
    return slots
