"""An instances artifact to a folder of records in another layout."""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import JsonValue

from components.instance_export.layouts import LAYOUTS, describe, encode_batch, own_layout
from components.instance_export.reading import read_batches
from components.instance_gen.assembling import Batch, special_table
from components.instance_gen.encoding import Frames
from components.instance_gen.masking import Masked, mask_batch
from components.instance_gen.publishing import copy_vocabulary
from components.records import write_frames
from components.settings import ExportSettings
from core import storage
from core.draw import draw
from core.manifest import Manifest, Shard, write_manifest
from trainer.input.instances import Instances, open_instances
from trainer.settings.masking import MaskingSettings

Unit = dict[str, Any]
MapUnits = Callable[[Callable[[Unit], Unit], Sequence[Unit]], list[Unit]]
VOCABULARY_FOLDER = "vocabulary"


@dataclass(frozen=True)
class Job:
    """What all shards share."""

    source: str  # folder of the instances
    target: str
    settings: str  # ExportSettings as JSON


def export_instances(job: Job, code_digest: str, map_units: MapUnits) -> Manifest:
    """Writes a shard for each shard of the instances, the vocabulary and, last, the manifest.

    Static instances keep their masks; a layout without masks gets the tokens that stood there, in
    every copy. Dynamic ones are masked once where the layout needs it, as their manifest says.

    Args:
        job: from where, to where, how.
        code_digest: for the manifest.
        map_units: does a piece of work for every unit.
    """
    instances = open_instances(job.source)
    settings = ExportSettings.model_validate_json(job.settings)
    units: list[Unit] = [
        {"split": split, "number": number, "total": len(shards), "path": shard.path}
        for split, shards in instances.manifest.shards.items()
        for number, shard in enumerate(shards)
    ]
    results = map_units(functools.partial(export_shard, job), units)
    shards: dict[str, list[Shard]] = {split: [] for split in instances.manifest.shards}
    counts: dict[str, Counter[str]] = {split: Counter() for split in shards}
    for unit, result in zip(units, results, strict=True):
        split = str(unit["split"])
        shards[split].append(Shard(**result["shard"]))
        counts[split].update(result["counts"])
    vocabulary = storage.join(job.source, VOCABULARY_FOLDER)
    copy_vocabulary(vocabulary, storage.join(job.target, VOCABULARY_FOLDER))
    manifest = Manifest(
        kind="exported_instances",
        shards=shards,
        counts={split: dict(count) for split, count in counts.items()},
        facts={**_facts(instances, settings), "code_digest": code_digest},
    )
    write_manifest(job.target, manifest)
    return manifest


def _facts(instances: Instances, settings: ExportSettings) -> dict[str, JsonValue]:
    """What a reader of the records has to agree with."""
    length, slots = instances.seq_length, instances.max_predictions
    return {
        "layout": settings.layout,
        "features": dict(describe(LAYOUTS[settings.layout], length, slots)),
        "seq_length": length,
        "max_predictions": slots,
        "objective": instances.objective,
        "vocabulary_digest": instances.vocabulary.digest,
        "instances_digest": instances.manifest.content_digest(),
    }


def export_shard(job: Job, unit: Unit) -> Unit:
    """Writes one shard.

    Args:
        job: what all shards share.
        unit: `split`, `number`, `total`, and `path` in the instances' folder.

    Returns:
        `shard`, its entry for the manifest, and `counts`.
    """
    settings = ExportSettings.model_validate_json(job.settings)
    name = LAYOUTS[settings.layout].shard_name.format(**unit)
    path = f"Split-{unit['split']}/{name}" + (".gz" if settings.compress else "")
    counts: Counter[str] = Counter(instances=0, real_tokens=0, masked_tokens=0)
    frames = _frames(open_instances(job.source), settings, unit, counts)
    write = write_frames if settings.compress else write_plain
    return {"shard": write(job.target, path, frames).model_dump(), "counts": dict(counts)}


def write_plain(folder: str, path: str, blocks: Iterator[Frames]) -> Shard:
    """Writes framed records as they are: BERT's, ALBERT's and ELECTRA's readers want no gzip."""
    digest, size, number = hashlib.sha256(), 0, 0
    with storage.open_output(storage.join(folder, path)) as stream:
        for content, records in blocks:
            stream.write(content)
            digest.update(content)
            size, number = size + len(content), number + records
    return Shard(path=path, records=number, size_bytes=size, sha256=digest.hexdigest())


def _frames(
    instances: Instances, settings: ExportSettings, unit: Unit, counts: Counter[str]
) -> Iterator[Frames]:
    layout = LAYOUTS[settings.layout]
    own = own_layout(instances.form, instances.pair)
    path = storage.join(instances.folder, unit["path"])
    batches = read_batches(
        path,
        own,
        instances.vocabulary,
        instances.seq_length,
        classes=instances.sequence_classes,
        segment_types=instances.segment_types,
    )
    for number, (batch, written) in enumerate(batches):
        masked = written
        if layout.is_masked and masked is None:
            masked = _mask(batch, instances, (unit["split"], unit["number"], number))
        counts["instances"] += len(batch.label)
        counts["real_tokens"] += int(batch.lengths.sum())
        if layout.is_masked and masked is not None:
            counts["masked_tokens"] += int((masked.weights > 0).sum())
        yield encode_batch(batch, masked, layout)


def _mask(batch: Batch, instances: Instances, key: tuple[str, int, int]) -> Masked:
    facts, vocabulary = instances.manifest.facts, instances.vocabulary
    return mask_batch(
        batch,
        masking=MaskingSettings.model_validate(facts["masking"]),
        max_predictions=instances.max_predictions,
        mask_id=vocabulary.mask_id,
        random_ids=np.flatnonzero(~special_table(vocabulary)).astype(np.int32),
        rng=draw(int(str(facts.get("seed", 0))), "export", *key),
    )
