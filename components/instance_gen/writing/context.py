"""Define the settings and folders that all shards of a run share."""

from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from components.instance_gen.writing.plan import count_slots
from components.settings import InstanceSettings
from core import storage
from core.manifest import MANIFEST, read_manifest
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.input.instances import VOCABULARY_FOLDER
from trainer.settings.masking import MaskingSettings


@dataclass(frozen=True)
class ShardContext:
    """What all shards of one run share. It is pickled for Beam workers."""

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
        scratch=storage.join(output, ".work"),
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
