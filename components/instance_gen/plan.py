"""Settings and the documents' manifest to units of work: one for each shard of documents."""

import math
from collections.abc import Sequence
from typing import Any

from components.instance_gen.objective import draws_from_others
from components.settings import InstanceSettings
from core import storage
from core.errors import InputError
from core.manifest import Manifest
from trainer.settings.masking import MaskingSettings

ENOUGH_DOCUMENTS = 64  # to draw random segments from; a shard of fewer borrows from its neighbours


def plan_units(
    documents_folder: str, documents: Manifest, splits: Sequence[str], settings: InstanceSettings
) -> list[dict[str, Any]]:
    """One unit for each document shard; a function of the corpus alone.

    Args:
        documents_folder: where the document shards are.
        documents: their manifest.
        splits: the splits to make instances of.
        settings: the objective decides whether a unit sees more than its own shard.

    Returns:
        Units with `split`, `number`, `documents` (paths, in the corpus's order), their `digests`,
        `own` (which of them the instances are made of) and `output` (the shard to write).

    Raises:
        InputError: a split has a single document, and the objective needs another one.
    """
    units = []
    for split in splits:
        shards = documents.shards[split]
        if draws_from_others(settings.objective) and sum(s.records for s in shards) == 1:
            raise InputError(
                f"The split {split!r} has a single document, so no other one can give the random "
                "segment of next-sentence pairs. Add documents (blank lines part them), or set "
                "instances.objective=none."
            )
        for number in range(len(shards)):
            pool = [number]
            if draws_from_others(settings.objective):
                pool = choose_pool([shard.records for shard in shards], number)
            units.append(
                {
                    "split": split,
                    "number": number,
                    "documents": [storage.join(documents_folder, shards[n].path) for n in pool],
                    "digests": [shards[n].sha256 for n in pool],
                    "own": pool.index(number),
                    "output": f"Split-{split}/instances-{number:05d}-of-{len(shards):05d}"
                    ".tfrecord.gz",
                }
            )
    return units


def choose_pool(sizes: Sequence[int], number: int) -> list[int]:
    """The shards that a shard draws random segments from: itself, and neighbours if it is small.

    Shards are ranges of a hash of the content, so any of them is a fair sample of the corpus.

    Args:
        sizes: documents in each shard.
        number: the shard.

    Returns:
        Shard numbers in ascending order, `number` among them.
    """
    pool, documents, step = [number], sizes[number], 1
    while documents < ENOUGH_DOCUMENTS and step < len(sizes):
        neighbour = (number + step) % len(sizes)
        pool.append(neighbour)
        documents, step = documents + sizes[neighbour], step + 1
    return sorted(pool)


def slots(settings: InstanceSettings, masking: MaskingSettings) -> int:
    """N, the masked slots of an instance: as given, or what the highest rate needs at full length.

    Raises:
        InputError: the given number would cut the rate.
    """
    rate = masking.highest_rate
    # Not 0.1 * 30 = 3.0000000000000004 up to 4.
    needed = math.ceil(round(rate * settings.seq_length, 6))
    given = settings.max_predictions
    if given is None:
        return needed
    # BERT rounds to the nearest, so it never fills the last slot of a rate like 19.2.
    least = max(round(rate * settings.seq_length), 1)
    if given < least:
        name = "masking.rate" if rate == masking.rate else "masking.schedule.end_rate"
        raise InputError(
            f"instances.max_predictions={given} cuts {name}={rate}: inputs of "
            f"{settings.seq_length} tokens have {least} to predict. "
            f"Leave it out (then it is {needed}), or lower {name}."
        )
    return given
