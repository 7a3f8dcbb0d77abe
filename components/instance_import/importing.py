"""Records that another system wrote to an instances artifact, which our trainer reads."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.instance_export.layouts import LAYOUTS
from components.instance_export.reading import LayoutError, read_batches
from components.instance_gen.assembling import Batch, special_table
from components.instance_gen.counting import Tally
from components.instance_gen.encoding import Frames, encode_dynamic, encode_static
from components.instance_gen.masking import Masked, mask_batch
from components.instance_gen.objective import LABEL_COUNTERS, LABELS, NO_LABEL
from components.instance_gen.shards import Job
from components.instance_gen.tokenizing import Int64
from components.records import write_frames
from components.settings import InstanceSettings, RecordsSettings
from core import storage
from core.draw import draw
from core.errors import InputError
from core.manifest import file_digest
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.settings.masking import MaskingSettings

Unit = dict[str, Any]
SPLITS = ("train", "eval")


def find_records(records: RecordsSettings) -> dict[str, list[str]]:
    """The files of each split, sorted by their paths.

    Raises:
        InputError: a glob matches nothing, or a file is in both splits.
    """
    globs = {"train": records.train, "eval": records.eval}
    paths = {split: storage.list_files(pattern) for split, pattern in globs.items()}
    for split, pattern in globs.items():
        if not paths[split]:
            raise InputError(
                f"instances.import_from.{split}: no file matches {pattern}. Name the TFRecord "
                f"files that {records.layout} wrote."
            )
    if shared := sorted(set(paths["train"]) & set(paths["eval"])):
        raise InputError(
            f"instances.import_from: {shared[0]} is in train and in eval, so the model would be "
            f"measured by what it learnt. Put some files aside for eval."
        )
    return paths


def records_digest(records: RecordsSettings) -> str:
    """sha256 of all files' contents, in their order: TFX's cache key would see the globs alone."""
    paths = find_records(records)
    digests = [(split, *map(file_digest, paths[split])) for split in SPLITS]
    return hashlib.sha256(repr(digests).encode()).hexdigest()


def plan_files(paths: Mapping[str, Sequence[str]]) -> list[Unit]:
    """One unit for each file: `split`, `number`, `total` (files of the split) and `path`."""
    return [
        {"split": split, "number": number, "total": len(files), "path": path}
        for split, files in paths.items()
        for number, path in enumerate(files)
    ]


def records_of(settings: InstanceSettings) -> RecordsSettings:
    """What the settings say of the records.

    Raises:
        LayoutError: nothing, or the records have no label and the objective needs one.
    """
    records = settings.import_from
    if records is None:
        raise LayoutError("instances.import_from is not set, so there is nothing to import.")
    if settings.objective in LABELS and LAYOUTS[records.layout].label is None:
        raise LayoutError(
            f"Records of {records.layout} have no label, and instances.objective is "
            f"{settings.objective}. Set it to contiguous or none."
        )
    return records


def import_shard(job: Job, unit: Unit) -> dict[str, Any]:
    """Writes the shard of one file.

    The tokens that stood at masked positions are put back for the dynamic form; the static form
    keeps the masks, or draws them where the records have none.

    Args:
        job: what all files share; its settings name the records' layout.
        unit: one of `plan_files`.

    Returns:
        What InstanceGen's `write_shard` returns.

    Raises:
        LayoutError: the records are not what the settings say.
    """
    settings = InstanceSettings.model_validate_json(job.instance_settings)
    vocabulary = load_vocabulary(job.vocabulary)
    is_static = settings.form == "static"
    tally = Tally(settings.seq_length, job.max_predictions if is_static else None)
    tokens: Int64 = np.zeros(vocabulary.size, np.int64)
    frames = _frames(job, unit, settings, vocabulary, tally, tokens)
    name = f"instances-{unit['number']:05d}-of-{unit['total']:05d}.tfrecord.gz"
    shard = write_frames(job.output, f"Split-{unit['split']}/{name}", frames)
    return {
        "shard": shard.model_dump(),
        "counts": {"documents": 0, "single_sentence_documents": 0, **tally.counts},
        "histograms": tally.histograms(),
        "token_counts": _save(tokens, job.scratch, unit),
    }


def _frames(
    job: Job,
    unit: Unit,
    settings: InstanceSettings,
    vocabulary: Vocabulary,
    tally: Tally,
    tokens: Int64,
) -> Iterator[Frames]:
    objective, classes = settings.objective, settings.sequence_classes
    layout = LAYOUTS[records_of(settings).layout]
    batches = read_batches(
        unit["path"],
        layout,
        vocabulary,
        settings.seq_length,
        classes=classes,
        segment_types=settings.segment_types,
    )
    for number, (batch, written) in enumerate(batches):
        tokens += np.bincount(batch.input_ids[batch.maskable], minlength=len(tokens))
        tally.add_batch(batch, vocabulary.unk_id, LABEL_COUNTERS.get(objective))
        if objective == "sequence_relation":
            for label, count in enumerate(np.bincount(batch.label, minlength=classes)):
                tally.add(f"sequence_class_{label}", int(count))
        if settings.form == "dynamic":
            yield encode_dynamic(batch, LABELS.get(objective))
            continue
        if written is None:
            masked = _mask(batch, job, vocabulary, (unit["split"], unit["number"], number))
        else:
            masked = _fit(written, job.max_predictions, unit["path"])
        tally.add_masks(batch, masked, vocabulary.mask_id)
        yield encode_static(batch, masked, LABELS.get(objective, NO_LABEL))


def _fit(masked: Masked, slots: int, path: str) -> Masked:
    """The masks in N slots; records with fewer get empty ones."""
    if (masked.weights[:, slots:] > 0).any():
        raise LayoutError(
            f"{path}: the records predict more than {slots} tokens. Raise masking.rate or "
            f"instances.max_predictions to what they were made with."
        )
    kept = min(slots, masked.ids.shape[1])
    room = ((0, 0), (0, slots - kept))
    return Masked(
        masked.input_ids,
        np.pad(masked.positions[:, :kept], room),
        np.pad(masked.ids[:, :kept], room),
        np.pad(masked.weights[:, :kept], room),
    )


def _mask(batch: Batch, job: Job, vocabulary: Vocabulary, key: tuple[str, int, int]) -> Masked:
    return mask_batch(
        batch,
        masking=MaskingSettings.model_validate_json(job.masking_settings),
        max_predictions=job.max_predictions,
        mask_id=vocabulary.mask_id,
        random_ids=np.flatnonzero(~special_table(vocabulary)).astype(np.int32),
        rng=draw(job.seed, "import", *key),
    )


def _save(tokens: Int64, scratch: str, unit: Unit) -> str:
    content = io.BytesIO()
    np.save(content, tokens, allow_pickle=False)
    path = storage.join(scratch, f"token-counts-{unit['split']}-{unit['number']:05d}.npy")
    storage.write_bytes(path, content.getvalue())
    return path
