"""Open an instances artifact and check, before the first step, that it fits the model."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np

from core import storage
from core.errors import InputError
from core.file_names import TOKEN_COUNTS
from core.manifest import (
    DamagedFileError,
    Manifest,
    Shard,
    compare_with_listing,
    copy_shards,
    read_manifest,
    verify_shards,
)
from core.temporary import TemporaryFolder
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.input.rolling_copy import RollingCopy, has_room
from trainer.models.architecture import Architecture
from trainer.settings.masking import MaskingSettings

KIND = "instances"
PAIRS = ("next_sentence", "sentence_order", "sequence_relation")
VOCABULARY_FOLDER = "vocabulary"
SOURCE_IDS_FILE = "{split}_source_ids.npy"  # of a held-out split, if the text has several sources
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
    copy: TemporaryFolder | None = None  # of a remote artifact's files
    train_copy: RollingCopy | None = None  # of its train split, if that does not fit on the disk

    @property
    def pair(self) -> str | None:
        """The name of the pair's label, without "_labels"; None if there are no pairs."""
        return self.objective if self.objective in PAIRS else None

    def sources(self, split: str) -> list[str]:
        """Return the names of the text's sources, if the source of each instance is known."""
        names, file = self.manifest.facts.get("sources"), SOURCE_IDS_FILE.format(split=split)
        is_known = isinstance(names, list) and any(f.path == file for f in self.manifest.files)
        return [str(name) for name in cast(list[str], names)] if is_known else []

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


def verify_instances(instances: Instances, split: str | None = None) -> Instances:
    """Compare every file with the digest in the manifest, before the first step.

    The files of a remote artifact are downloaded for that, once, and training reads the local copy.
    A train split that does not fit on the disk is compared with the store's listing, and each shard
    again when training downloads it.

    Args:
        instances: the instances.
        split: the only split that is needed of a remote artifact; None: all.

    Returns:
        The instances, with the copy if there is one; it is deleted when the process ends.

    Raises:
        InputError: a file is missing or was changed; the message names its first bad record.
        StorageError: the disk has no room for the shards that are read at once.
    """
    folder, manifest = instances.folder, instances.manifest
    if not storage.is_remote(folder):
        with _naming_first_bad_record(instances, folder):
            verify_shards(folder, manifest)
        return instances
    train = manifest.shards.get("train", []) if split is None else []
    others = [name for name in manifest.shards if name == split or (not split and name != "train")]
    copy = TemporaryFolder("instances")
    with _naming_first_bad_record(instances, copy.name):
        for shards in (*(manifest.shards[name] for name in others), manifest.files):
            copy_shards(folder, shards, copy.name)
        if has_room(folder, train):
            copy_shards(folder, train, copy.name)
            return dataclasses.replace(instances, copy=copy)
        compare_with_listing(folder, train)
    return dataclasses.replace(instances, copy=copy, train_copy=RollingCopy(folder, train))


@contextlib.contextmanager
def _naming_first_bad_record(instances: Instances, local: str) -> Iterator[None]:
    """Add the first bad record to an error about a damaged shard, which is in a local folder."""
    try:
        yield
    except DamagedFileError as damage:
        shards = [shard for shards in instances.manifest.shards.values() for shard in shards]
        files = {storage.join(instances.folder, shard.path): shard.path for shard in shards}
        file = Path(local, files.get(damage.path, ""))
        if not file.is_file() or (record := _first_bad_record(str(file))) is None:
            raise
        raise InstancesError(f"{damage} Record {record} is the first bad one.") from damage


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
