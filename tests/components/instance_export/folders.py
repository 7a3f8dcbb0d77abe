"""Small instances artifacts of real text, made by the steps of InstanceGen without TFX."""

from pathlib import Path

from components.instance_gen.plan import plan_units, slots
from components.instance_gen.publishing import copy_vocabulary, publish
from components.instance_gen.shards import Job, write_shard
from components.settings import InstanceSettings
from core.manifest import read_manifest
from core.vocabulary.vocabulary import load_vocabulary
from tests.components.instance_gen.folders import (
    real_documents,
    write_documents,
    write_vocabulary,
)
from trainer.settings.masking import MaskingSettings

LENGTH, SLOTS, SEED = 64, 10, 5


def write_instances(folder: Path, form: str, objective: str) -> Path:
    """Writes instances of a length of 64 tokens: two shards to train on and one held out."""
    documents = real_documents()
    splits = {"train": [documents[:14], documents[14:24]], "eval": [documents[24:32]]}
    source = write_documents(folder / "documents", splits)
    target = folder / "instances"
    copy_vocabulary(str(write_vocabulary(folder / "words")), str(target / "vocabulary"))
    vocabulary = load_vocabulary(str(target / "vocabulary"))
    settings = InstanceSettings.model_validate(
        {"form": form, "objective": objective, "seq_length": LENGTH, "dupe_factor": 2}
    )
    masking = MaskingSettings(unit="word")
    job = Job(
        output=str(target),
        scratch=str(folder / "scratch"),
        vocabulary=vocabulary.folder,
        vocabulary_digest=vocabulary.digest,
        instance_settings=settings.model_dump_json(),
        masking_settings=masking.model_dump_json(),
        max_predictions=slots(settings, masking),
        seed=SEED,
    )
    units = plan_units(str(source), read_manifest(str(source)), list(splits), settings)
    results = {s: [write_shard(job, u) for u in units if u["split"] == s] for s in splits}
    facts = {
        "form": form,
        "objective": objective,
        "seq_length": LENGTH,
        "max_predictions": SLOTS,
        "masking": masking.model_dump(mode="json"),
        "vocab_size": vocabulary.size,
        "vocabulary_digest": vocabulary.digest,
        "seed": SEED,
    }
    publish(str(target), results, facts)
    return target
