"""Write small instances artifacts of real text with the steps of InstanceGen, without TFX."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from components.instance_gen.write_shard import write_shard
from components.instance_gen.writing.plan import describe_context, make_context, plan_units
from components.instance_gen.writing.publish import publish_instances
from components.settings import InstanceSettings
from core.manifest import read_manifest
from tests.components.instance_gen.folders import (
    real_documents,
    write_documents,
    write_vocabulary,
)
from trainer.settings.masking import MaskingSettings

LENGTH, SLOTS, SEED = 64, 10, 5


def write_instances(folder: Path, form: str, objective: str) -> Path:
    """Write instances of 64 tokens: two shards for training and one held out."""
    documents = real_documents()
    splits = {"train": [documents[:14], documents[14:24]], "eval": [documents[24:32]]}
    source = write_documents(folder / "documents", splits)
    target = folder / "instances"
    settings = InstanceSettings.model_validate(
        {"form": form, "objective": objective, "seq_length": LENGTH, "dupe_factor": 2}
    )
    properties = {
        "instance_settings": settings.model_dump_json(),
        "masking_settings": MaskingSettings(unit="word").model_dump_json(),
        "seed": SEED,
    }
    words = write_vocabulary(folder / "words")
    context, vocabulary = make_context(str(target), str(words), properties)
    assert context.max_predictions == SLOTS
    units = plan_units(str(source), read_manifest(str(source)), list(splits), settings)
    results = [write_shard(context, unit) for unit in units]
    facts = describe_context(context, vocabulary)
    publish_instances(context, list(splits), units, results, facts, serially)
    return target


def serially(
    work: Callable[[dict[str, Any]], dict[str, Any]], units: Sequence[dict[str, Any]], _: str
) -> list[dict[str, Any]]:
    return [work(unit) for unit in units]
