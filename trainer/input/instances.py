"""Open an instances artifact and check, before the first step, that it fits the model."""

import dataclasses
import itertools
import logging
import shutil
import tempfile
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from core import storage
from core.errors import InputError
from core.manifest import (
    DamagedFileError,
    Manifest,
    Shard,
    copy_shards,
    read_manifest,
    verify_shards,
)
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.models.architecture import Architecture
from trainer.settings.masking import MaskingSettings

log = logging.getLogger(__name__)

KIND = "instances"
PAIRS = ("next_sentence", "sentence_order", "sequence_relation")
VOCABULARY_FOLDER = "vocabulary"
TOKEN_COUNTS = "token_counts.npy"  # noqa: S105 - the name of a file
Form = Literal["static", "dynamic"]


class InstancesError(InputError):
    """Instances that do not fit the model, the settings or their own manifest."""


@dataclass(frozen=True, kw_only=True)
class Instances:
    """An instances artifact whose manifest and vocabulary were read and agree."""

    folder: str
    manifest: Manifest
    vocabulary: Vocabulary
    form: Form
    objective: str  # "next_sentence", "sentence_order", or one without pairs
    seq_length: int  # L
    max_predictions: int  # N
    sequence_classes: int = 2  # labels are below it
    segment_types: int = 2  # segment ids are below it
    copy: "tempfile.TemporaryDirectory[str] | None" = None  # of a remote artifact's files

    @property
    def pair(self) -> str | None:
        """The name of the pair's label, without "_labels"; None if there are no pairs."""
        return self.objective if self.objective in PAIRS else None

    def shards(self, split: str) -> list[Shard]:
        """Return the shards of a split, in the manifest's order.

        Raises:
            InstancesError: the split is missing or empty.
        """
        shards = self.manifest.shards.get(split, [])
        if not sum(shard.records for shard in shards):
            raise InstancesError(
                f"{self.folder}: the split {split!r} holds no instances. Give more text, or lower "
                f"instances.seq_length."
            )
        return shards

    def paths(self, split: str) -> list[str]:
        """Return the files of a split; those of a remote artifact are local once verified."""
        folder = self.copy.name if self.copy else self.folder
        return [storage.join(folder, shard.path) for shard in self.shards(split)]

    def size(self, split: str) -> int:
        """Return the number of instances in a split."""
        return sum(shard.records for shard in self.shards(split))


def open_instances(folder: str) -> Instances:
    """Read the manifest and the vocabulary of an instances artifact.

    Raises:
        InputError: the artifact is incomplete, of another kind, or disagrees with its vocabulary.
    """
    manifest = read_manifest(folder)
    if manifest.kind != KIND:
        raise InstancesError(
            f"{folder}: holds {manifest.kind}, and training needs {KIND}. Give the folder that "
            f"InstanceGen wrote."
        )
    facts = manifest.facts
    vocabulary = load_vocabulary(storage.join(folder, VOCABULARY_FOLDER))
    expected = {"vocab_size": vocabulary.size, "vocabulary_digest": vocabulary.digest}
    for name, value in expected.items():
        if facts.get(name) != value:
            raise InstancesError(
                f"{folder}: {name} is {facts.get(name)} in the manifest and {value} in the "
                f"vocabulary beside it. Run InstanceGen again."
            )
    if facts["form"] not in ("static", "dynamic"):
        raise InstancesError(
            f"{folder}: instances of the unknown form {facts['form']!r}. Run InstanceGen again."
        )
    return Instances(
        folder=folder,
        manifest=manifest,
        vocabulary=vocabulary,
        form=cast(Form, facts["form"]),
        objective=str(facts["objective"]),
        seq_length=_number(manifest, "seq_length"),
        max_predictions=_number(manifest, "max_predictions"),
        sequence_classes=_number(manifest, "sequence_classes", 2),
        segment_types=_number(manifest, "segment_types", 2),
    )


def _number(manifest: Manifest, name: str, default: int | None = None) -> int:
    value = manifest.facts.get(name, default)
    if not isinstance(value, int):
        raise InstancesError(
            f"{name} is {value!r} in the instances' manifest, not a number. Run InstanceGen again."
        )
    return value


def check_fit(instances: Instances, model: Architecture, masking: MaskingSettings) -> None:
    """Check that instances fit the model and the masking settings.

    Raises:
        InstancesError: they do not; the message names the setting and both values.
    """
    if instances.seq_length > model.max_position:
        raise InstancesError(
            f"{instances.folder}: instances have {instances.seq_length} tokens and the model has "
            f"{model.max_position} positions. Raise model.max_position, or lower "
            f"instances.seq_length."
        )
    if instances.segment_types > model.type_vocab_size:
        raise InstancesError(
            f"{instances.folder}: instances have {instances.segment_types} types of segments and "
            f"the model {model.type_vocab_size}. Set model.type_vocab_size to "
            f"{instances.segment_types}."
        )
    if instances.form == "static":
        written = instances.manifest.facts.get("masking")
        settings = masking.model_dump(mode="json")
        if written != settings:
            raise InstancesError(
                f"{instances.folder}: masks were written with {written} and the settings say "
                f"{settings}. Run InstanceGen again, or use form: dynamic."
            )


def verify_instances(instances: Instances) -> Instances:
    """Compare the digest of every file with the manifest, before the first step.

    The files of a remote artifact are downloaded for that, once, and training reads the local copy,
    unless the disk lacks room for it.

    Returns:
        The instances, with the copy if there is one; it is deleted when the process ends.

    Raises:
        InputError: a file is missing or was changed; the message names its first bad record.
    """
    folder, manifest = instances.folder, instances.manifest
    copy = _make_room(instances)
    try:
        if copy:
            copy_shards(folder, manifest, copy.name)
        else:
            verify_shards(folder, manifest)
    except DamagedFileError as damage:
        shards = [shard for shards in manifest.shards.values() for shard in shards]
        paths = [shard.path for shard in shards if storage.join(folder, shard.path) == damage.path]
        local = storage.join(copy.name if copy else folder, *paths)
        if not paths or (record := _first_bad_record(local)) is None:
            raise
        raise InstancesError(f"{damage} Record {record} is the first bad one.") from damage
    return dataclasses.replace(instances, copy=copy)


def _make_room(instances: Instances) -> "tempfile.TemporaryDirectory[str] | None":
    """Return a folder for a copy; None if the instances are local or the disk is too small."""
    if not storage.is_remote(instances.folder):
        return None
    needed = sum(shard.size_bytes for shard in instances.manifest.all_files())
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if needed > 0.9 * free:
        log.warning(
            "%s: %d bytes do not fit on this disk (%s: %d bytes free), so every epoch reads them "
            "from the object store. Set TMPDIR to a larger disk to read them once.",
            instances.folder, needed, tempfile.gettempdir(), free,
        )  # fmt: skip
        return None
    return tempfile.TemporaryDirectory(prefix="textmill-instances-")


def _first_bad_record(path: str) -> int | None:
    """Return the number of the first record that cannot be read, or None if all can."""
    import tensorflow as tf

    records = iter(tf.data.TFRecordDataset(path, compression_type="GZIP"))
    for number in itertools.count():
        try:
            next(records)
        except StopIteration:
            return None
        except tf.errors.OpError:
            return number
    return None


def read_token_counts(instances: Instances) -> np.ndarray:
    """Return how often each token occurs in the train split: (V,) int64.

    Raises:
        InstancesError: the file does not have one count per token.
    """
    path = storage.join(instances.folder, TOKEN_COUNTS)
    with storage.open_input(path) as stream:
        counts: np.ndarray = np.load(stream, allow_pickle=False)
    if counts.shape != (instances.vocabulary.size,):
        raise InstancesError(
            f"{path}: has shape {counts.shape}, not one count per token. Run InstanceGen again."
        )
    return counts
