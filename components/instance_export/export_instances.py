"""Write an instances artifact as records in another layout."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from components.instance_export.read_records import read_batches
from components.instance_export.record_layout import (
    LAYOUTS,
    describe_features,
    encode_batch,
    own_layout,
)
from components.instance_gen.masking import MaskedBatch, mask_batch
from components.instance_gen.pairing.assemble import UnmaskedBatch, ordinary_ids
from components.instance_gen.writing.encode import Frames
from components.instance_gen.writing.plan import copy_vocabulary
from components.records import write_frames
from components.settings import ExportSettings
from components.unit_work import Unit
from core import storage
from core.draw import draw
from core.manifest import Manifest, Shard, write_manifest
from trainer.input.instances import VOCABULARY_FOLDER, Instances, open_instances
from trainer.settings.masking import MaskingSettings


def plan_units(instances: Instances) -> list[Unit]:
    """Plan one unit per shard: `split`, `number`, `total` (shards of the split) and `path`."""
    return [
        {"split": split, "number": number, "total": len(shards), "path": shard.path}
        for split, shards in instances.manifest.shards.items()
        for number, shard in enumerate(shards)
    ]


def export_shard(source: str, target: str, settings: ExportSettings, unit: Unit) -> Unit:
    """Write one shard; return `shard`, its entry in the manifest, and `counts`.

    Static instances keep their masks. A layout without masks gets the original tokens back, in
    every copy. Dynamic instances are masked once if the layout needs it, as their manifest says.
    """
    name = LAYOUTS[settings.layout].shard_name.format(**unit)
    path = f"Split-{unit['split']}/{name}" + (".gz" if settings.compress else "")
    counts: Counter[str] = Counter(instances=0, real_tokens=0, masked_tokens=0)
    frames = _convert(open_instances(source), settings, unit, counts)
    return {"shard": write_frames(target, path, frames).model_dump(), "counts": dict(counts)}


def publish_records(
    instances: Instances,
    target: str,
    settings: ExportSettings,
    units: Sequence[Unit],
    results: Sequence[Unit],
    code_digest: str,
) -> Manifest:
    """Write the vocabulary and, last, the manifest of exported records."""
    splits = list(instances.manifest.shards)
    shards: dict[str, list[Shard]] = {split: [] for split in splits}
    counts: dict[str, Counter[str]] = {split: Counter() for split in splits}
    for unit, result in zip(units, results, strict=True):
        shards[unit["split"]].append(Shard(**result["shard"]))
        counts[unit["split"]].update(result["counts"])
    vocabulary = storage.join(instances.folder, VOCABULARY_FOLDER)
    copy_vocabulary(vocabulary, storage.join(target, VOCABULARY_FOLDER))
    manifest = Manifest(
        kind="exported_instances",
        shards=shards,
        counts={split: dict(count) for split, count in counts.items()},
        facts={**_facts(instances, settings), "code_digest": code_digest},
    )
    write_manifest(target, manifest)
    return manifest


def _facts(instances: Instances, settings: ExportSettings) -> dict[str, JsonValue]:
    """Return the facts in the manifest that readers of the records must agree with."""
    length, slots = instances.seq_length, instances.max_predictions
    return {
        "layout": settings.layout,
        "features": dict(describe_features(LAYOUTS[settings.layout], length, slots)),
        "seq_length": length,
        "max_predictions": slots,
        "objective": instances.objective,
        "vocabulary_digest": instances.vocabulary.digest,
        "instances_digest": instances.manifest.content_digest(),
    }


def _convert(
    instances: Instances, settings: ExportSettings, unit: Unit, counts: Counter[str]
) -> Iterator[Frames]:
    """Yield framed records in the other layout, and count them."""
    layout = LAYOUTS[settings.layout]
    batches = read_batches(
        storage.join(instances.folder, unit["path"]),
        own_layout(instances.form, instances.pair),
        instances.vocabulary,
        instances.seq_length,
        classes=instances.sequence_classes,
        segment_types=instances.segment_types,
    )
    for number, (batch, written) in enumerate(batches):
        counts["instances"] += len(batch.label)
        counts["real_tokens"] += int(batch.lengths.sum())
        masked = None
        if layout.is_masked:
            masked = written or _mask(batch, instances, (unit["split"], unit["number"], number))
            counts["masked_tokens"] += int((masked.weights > 0).sum())
        yield encode_batch(batch, masked, layout)


def _mask(batch: UnmaskedBatch, instances: Instances, key: tuple[str, int, int]) -> MaskedBatch:
    facts, vocabulary = instances.manifest.facts, instances.vocabulary
    return mask_batch(
        batch,
        masking=MaskingSettings.model_validate(facts["masking"]),
        max_predictions=instances.max_predictions,
        mask_id=vocabulary.mask_id,
        random_ids=ordinary_ids(vocabulary),
        rng=draw(int(str(facts.get("seed", 0))), "export", *key),
    )
