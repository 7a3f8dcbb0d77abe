"""Plan the work: what all shards share, one unit per document shard, and the masked slots."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from components.instance_gen.pairing.objective import draws_from_others
from components.settings import InstanceSettings
from core import storage
from core.errors import InputError
from core.manifest import MANIFEST, Manifest, read_manifest
from core.temporary import make_scratch
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.input.instances import VOCABULARY_FOLDER
from trainer.settings.masking import MaskingSettings

# Documents that supply random segments; a shard with fewer borrows from its neighbors.
MIN_POOL_DOCUMENTS = 64


def plan_units(
    documents_folder: str, documents: Manifest, splits: Sequence[str], settings: InstanceSettings
) -> list[dict[str, Any]]:
    """Plan one unit of work per document shard; the plan depends on the corpus alone.

    Returns:
        Units with `split`, `number`, `documents` (paths in the corpus's order), their `digests`,
        `own` (index of the shard that becomes instances), `sources` (their names, if the corpus has
        several) and `output` (the shard to write).

    Raises:
        InputError: a split has a single document, and the objective needs another one.
    """
    sources = source_names(documents)
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
                    "sources": sources,
                    "output": shard_path(split, number, len(shards)),
                }
            )
    return units


def source_names(documents: Manifest) -> list[str]:
    """Return the names of the documents' sources, sorted; none if there is one source."""
    sources = documents.facts.get("sources")
    return sorted(sources) if isinstance(sources, dict) else []


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


@dataclass(frozen=True)
class ShardContext:
    """What all shards of one run share. It is pickled for workers."""

    output: str  # folder of the instances
    scratch: str  # folder for intermediate files
    vocabulary: str  # folder
    vocabulary_digest: str
    settings: InstanceSettings
    masking: MaskingSettings
    max_predictions: int  # N
    seed: int


def make_context(
    output: str, vocabulary_source: str, exec_properties: dict[str, Any]
) -> tuple[ShardContext, Vocabulary]:
    """Copy the vocabulary next to the instances, check the settings, and return context and copy.

    Raises:
        InputError: `max_predictions` would reduce the masking rate.
    """
    folder = storage.join(output, VOCABULARY_FOLDER)
    copy_vocabulary(vocabulary_source, folder)
    vocabulary = load_vocabulary(folder)
    settings = InstanceSettings.model_validate_json(exec_properties["instance_settings"])
    masking = MaskingSettings.model_validate_json(exec_properties["masking_settings"])
    context = ShardContext(
        output=output,
        scratch=make_scratch(output),
        vocabulary=vocabulary.folder,
        vocabulary_digest=vocabulary.digest,
        settings=settings,
        masking=masking,
        max_predictions=count_slots(settings, masking),
        seed=int(exec_properties["seed"]),
    )
    return context, vocabulary


def copy_vocabulary(source: str, target: str) -> None:
    """Copy a vocabulary's files, its manifest last, so that instances are self-contained."""
    manifest = read_manifest(source)
    names = [shard.path for shards in manifest.shards.values() for shard in shards]
    for name in (*names, MANIFEST):
        content = storage.read_bytes(storage.join(source, name))
        storage.write_bytes(storage.join(target, name), content)


def describe_context(context: ShardContext, vocabulary: Vocabulary) -> dict[str, JsonValue]:
    """Return the facts in the manifest that readers of the instances must agree with."""
    settings = context.settings
    return {
        "form": settings.form,
        "objective": settings.objective,
        "sequence_classes": settings.sequence_classes,
        "segment_types": settings.segment_types,
        "seq_length": settings.seq_length,
        "max_predictions": context.max_predictions,
        "masking": context.masking.model_dump(mode="json"),
        "vocab_size": vocabulary.size,
        "vocabulary_digest": vocabulary.digest,
        "seed": context.seed,
    }
