"""Convert records that another system wrote to instances."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.instance_export.read_records import LayoutError, read_batches
from components.instance_export.record_layout import LAYOUTS
from components.instance_gen.masking import MaskedBatch
from components.instance_gen.pairing.objective import LABELS
from components.instance_gen.tokenizing.ragged import Int64
from components.instance_gen.writing.counters import InstanceCounter
from components.instance_gen.writing.encode import Frames, count_and_encode
from components.instance_gen.writing.plan import ShardContext, shard_path
from components.instance_gen.writing.publish import save_array
from components.records import write_frames
from components.settings import InstanceSettings, RecordsSettings
from components.statistics_gen.value_counts import save_value_counts
from components.unit_work import Unit
from core import storage
from core.errors import InputError
from core.manifest import file_digest
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary

SPLITS = ("train", "eval")


def find_records(records: RecordsSettings) -> dict[str, list[str]]:
    """Find the files of each split, sorted by path.

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
            f"instances.import_from: {shared[0]} is in both train and eval, so the model would be "
            f"evaluated on training data. Keep some files for eval only."
        )
    return paths


def records_digest(records: RecordsSettings) -> str:
    """Return the sha256 of all files in order; without it TFX's cache key has only the globs."""
    paths = find_records(records)
    digests = [(split, *map(file_digest, paths[split])) for split in SPLITS]
    return hashlib.sha256(repr(digests).encode()).hexdigest()


def plan_units(paths: Mapping[str, Sequence[str]]) -> list[Unit]:
    """Plan one unit of work per file: `split`, `number`, `path`, and `output` (the shard)."""
    return [
        {
            "split": split,
            "number": number,
            "path": path,
            "output": shard_path(split, number, len(files)),
        }
        for split, files in paths.items()
        for number, path in enumerate(files)
    ]


def record_settings(settings: InstanceSettings) -> RecordsSettings:
    """Return the settings of the records.

    Raises:
        LayoutError: they are missing, or the records lack the label that the objective needs.
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


def import_shard(context: ShardContext, unit: Unit) -> dict[str, Any]:
    """Write the instances of one file; return the same as InstanceGen's `write_shard`.

    The dynamic form gets the original tokens at masked positions back. The static form keeps the
    masks, or draws them if the records have none.

    Raises:
        LayoutError: the records do not match the settings.
    """
    settings, vocabulary = context.settings, load_vocabulary(context.vocabulary)
    is_static = settings.form == "static"
    counter = InstanceCounter(settings.seq_length, context.max_predictions if is_static else None)
    tokens: Int64 = np.zeros(vocabulary.size, np.int64)
    frames = _convert(context, unit, vocabulary, counter, tokens)
    shard = write_frames(context.output, unit["output"], frames)
    key = (unit["split"], unit["number"])
    return {
        "shard": shard.model_dump(),
        "counts": {"documents": 0, "single_sentence_documents": 0, **counter.counts},
        "histograms": counter.histograms(),
        "token_counts": save_array(tokens, "token-counts", context.scratch, *key),
        "value_counts": save_value_counts(counter.values.counts(), context.scratch, *key),
    }


def _convert(
    context: ShardContext,
    unit: Unit,
    vocabulary: Vocabulary,
    counter: InstanceCounter,
    tokens: Int64,
) -> Iterator[Frames]:
    """Yield framed instances, and count them and their tokens."""
    settings = context.settings
    objective, classes = settings.objective, settings.sequence_classes
    batches = read_batches(
        unit["path"],
        LAYOUTS[record_settings(settings).layout],
        vocabulary,
        settings.seq_length,
        classes=classes,
        segment_types=settings.segment_types,
    )
    for number, (batch, written) in enumerate(batches):
        tokens += np.bincount(batch.input_ids[batch.maskable], minlength=len(tokens))
        if objective == "sequence_relation":
            for label, count in enumerate(np.bincount(batch.label, minlength=classes)):
                counter.add(f"sequence_class_{label}", int(count))
        masked = None
        if written is not None and settings.form == "static":
            masked = _resize_masks(written, context.max_predictions, unit["path"])
        key = ("import", unit["split"], unit["number"], number)
        yield count_and_encode(batch, masked, context, vocabulary, counter, key)


def _resize_masks(masked: MaskedBatch, slots: int, path: str) -> MaskedBatch:
    """Change the number of slots per instance; added slots are empty."""
    if (masked.weights[:, slots:] > 0).any():
        raise LayoutError(
            f"{path}: the records predict more than {slots} tokens. Set masking.rate or "
            f"instances.max_predictions to the value that they were made with."
        )
    kept = min(slots, masked.ids.shape[1])
    padding = ((0, 0), (0, slots - kept))
    return MaskedBatch(
        masked.input_ids,
        np.pad(masked.positions[:, :kept], padding),
        np.pad(masked.ids[:, :kept], padding),
        np.pad(masked.weights[:, :kept], padding),
    )
