"""An instances artifact to what training has to know of it, checked before step 0."""

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core import storage
from core.errors import InputError
from core.manifest import Manifest, Shard, read_manifest, verify_shards
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.models.architecture import Architecture
from trainer.settings.masking import MaskingSettings

KIND = "instances"
PAIRS = ("next_sentence", "sentence_order", "sequence_relation")
VOCABULARY_FOLDER = "vocabulary"
TOKEN_COUNTS = "token_counts.npy"  # noqa: S105 - a file's name


class InstancesError(InputError):
    """Instances that do not fit the model, the settings or their own manifest."""


@dataclass(frozen=True, kw_only=True)
class Instances:
    """An instances artifact whose manifest was read and agrees with its vocabulary."""

    folder: str
    manifest: Manifest
    vocabulary: Vocabulary
    form: Literal["static", "dynamic"]
    objective: str  # "next_sentence", "sentence_order", or one without pairs
    seq_length: int  # L
    max_predictions: int  # N
    sequence_classes: int = 2  # of the label; labels lie below it
    segment_types: int = 2  # segment ids lie below it

    @property
    def pair(self) -> str | None:
        """What the label of a pair is called, without its ending; None: there are no pairs."""
        return self.objective if self.objective in PAIRS else None

    def shards(self, split: str) -> list[Shard]:
        """The split's shards, in the manifest's order.

        Raises:
            InstancesError: there is no such split, or it holds nothing.
        """
        shards = self.manifest.shards.get(split, [])
        if not sum(shard.records for shard in shards):
            raise InstancesError(
                f"{self.folder}: the split {split!r} holds no instances. Give more text, or lower "
                f"instances.seq_length."
            )
        return shards

    def paths(self, split: str) -> list[str]:
        """The split's files."""
        return [storage.join(self.folder, shard.path) for shard in self.shards(split)]

    def size(self, split: str) -> int:
        """Instances in the split."""
        return sum(shard.records for shard in self.shards(split))


def open_instances(folder: str) -> Instances:
    """Reads an instances artifact's manifest and vocabulary, and compares the two.

    Raises:
        InputError: it is incomplete, of another kind, or made with another vocabulary.
    """
    manifest = read_manifest(folder)
    if manifest.kind != KIND:
        raise InstancesError(f"{folder}: holds {manifest.kind}, and training needs {KIND}.")
    facts = manifest.facts
    vocabulary = load_vocabulary(storage.join(folder, VOCABULARY_FOLDER))
    found = {"vocab_size": vocabulary.size, "vocabulary_digest": vocabulary.digest}
    for name, value in found.items():
        if facts.get(name) != value:
            raise InstancesError(
                f"{folder}: {name} is {facts.get(name)} in the manifest and {value} in the "
                f"vocabulary beside it. Run InstanceGen again."
            )
    form = facts["form"]
    if form not in ("static", "dynamic"):
        raise InstancesError(f"{folder}: instances of form {form!r} are not known here.")
    return Instances(
        folder=folder,
        manifest=manifest,
        vocabulary=vocabulary,
        form="static" if form == "static" else "dynamic",
        objective=str(facts["objective"]),
        seq_length=_number(manifest, "seq_length"),
        max_predictions=_number(manifest, "max_predictions"),
        sequence_classes=_number(manifest, "sequence_classes", 2),
        segment_types=_number(manifest, "segment_types", 2),
    )


def check_fit(instances: Instances, model: Architecture, masking: MaskingSettings) -> None:
    """Compares instances with the model and the masks that they are to be trained under.

    Raises:
        InstancesError: they do not fit; the message names the setting and both values.
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
        asked = masking.model_dump(mode="json")
        if written != asked:
            raise InstancesError(
                f"{instances.folder}: masks were written with {written} and the settings say "
                f"{asked}. Run InstanceGen again, or use form: dynamic."
            )


def verify_instances(instances: Instances) -> None:
    """Recomputes the digest of every shard, so that a damaged one is found before step 0.

    Raises:
        InputError: a shard is not what was written; the message names its first bad record.
    """
    try:
        verify_shards(instances.folder, instances.manifest)
    except InputError as damage:
        for path in (
            path for split in instances.manifest.shards for path in instances.paths(split)
        ):
            if path in str(damage) and (record := _first_bad_record(path)) is not None:
                raise InstancesError(f"{damage} Record {record} is the first bad one.") from damage
        raise


def _first_bad_record(path: str) -> int | None:
    """The number of the first record that cannot be read; None if each one can."""
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
    """How often the train split holds each token: (V,) int64.

    Raises:
        InstancesError: the file is of another vocabulary's size.
    """
    path = storage.join(instances.folder, TOKEN_COUNTS)
    with storage.open_input(path) as stream:
        counts: np.ndarray = np.load(stream, allow_pickle=False)
    if counts.shape != (instances.vocabulary.size,):
        raise InstancesError(f"{path}: has shape {counts.shape}, not one count a token.")
    return counts


def _number(manifest: Manifest, name: str, default: int | None = None) -> int:
    value = manifest.facts.get(name, default)
    if not isinstance(value, int):
        raise InstancesError(f"The instances' manifest says {name}: {value!r}, not a number.")
    return value
