"""Unpacks documents and a vocabulary, has every shard made, and publishes what they add up to."""

import functools
from typing import Any

from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.beam_work import map_units
from components.instance_gen.plan import plan_units, slots
from components.instance_gen.publishing import copy_vocabulary, publish, write_schema
from components.instance_gen.shards import Job, write_shard
from components.settings import InstanceSettings
from core import storage
from core.manifest import Manifest, read_manifest
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.settings.masking import MaskingSettings

Artifacts = dict[str, list[types.Artifact]]
VOCABULARY_FOLDER = "vocabulary"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Makes instances, one shard for each shard of documents."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes instances and their schema.

        Args:
            input_dict: `documents`, `vocabulary`.
            output_dict: `instances`, `schema`.
            exec_properties: `instance_settings` and `masking_settings` (JSON), `seed`,
                `code_digest`.
        """
        source = artifact_utils.get_single_instance(input_dict["documents"])
        target = artifact_utils.get_single_instance(output_dict["instances"])
        splits = artifact_utils.decode_split_names(source.split_names)
        documents = read_manifest(source.uri)
        vocabulary_folder = storage.join(target.uri, VOCABULARY_FOLDER)
        copy_vocabulary(artifact_utils.get_single_uri(input_dict["vocabulary"]), vocabulary_folder)
        vocabulary = load_vocabulary(vocabulary_folder)
        job = make_job(target.uri, vocabulary, exec_properties)
        settings = InstanceSettings.model_validate_json(job.instance_settings)
        units = plan_units(source.uri, documents, splits, settings)
        work = functools.partial(write_shard, job)
        done = map_units(self._make_beam_pipeline, work, units, job.scratch, "InstanceGen")
        results: dict[str, list[dict[str, Any]]] = {split: [] for split in splits}
        for unit, result in zip(units, done, strict=True):
            results[unit["split"]].append(result)
        facts = {
            **facts_of(job, vocabulary, exec_properties["code_digest"]),
            "pair_draws": settings.pair_draws,
            "short_seq_fraction": settings.short_seq_fraction,
            "dupe_factor": settings.dupe_factor if settings.form == "static" else 1,
            "documents_digest": documents.content_digest(),
        }
        manifest = publish(target.uri, results, facts)
        storage.remove_tree(job.scratch)
        schema_folder = artifact_utils.get_single_uri(output_dict["schema"])
        write_schema(schema_folder, settings, job.max_predictions, vocabulary.size)
        target.span = source.span
        describe_artifact(target, manifest)


def make_job(folder: str, vocabulary: Vocabulary, exec_properties: dict[str, Any]) -> Job:
    """What all units share."""
    settings = InstanceSettings.model_validate_json(exec_properties["instance_settings"])
    masking = MaskingSettings.model_validate_json(exec_properties["masking_settings"])
    return Job(
        output=folder,
        scratch=storage.join(folder, ".work"),
        vocabulary=vocabulary.folder,
        vocabulary_digest=vocabulary.digest,
        instance_settings=settings.model_dump_json(),
        masking_settings=masking.model_dump_json(),
        max_predictions=slots(settings, masking),
        seed=int(exec_properties["seed"]),
    )


def facts_of(job: Job, vocabulary: Vocabulary, code_digest: str) -> dict[str, Any]:
    """What a reader of the instances has to agree with."""
    settings = InstanceSettings.model_validate_json(job.instance_settings)
    masking = MaskingSettings.model_validate_json(job.masking_settings)
    return {
        "form": settings.form,
        "objective": settings.objective,
        "sequence_classes": settings.sequence_classes,
        "segment_types": settings.segment_types,
        "seq_length": settings.seq_length,
        "max_predictions": job.max_predictions,
        "masking": masking.model_dump(mode="json"),
        "vocab_size": vocabulary.size,
        "vocabulary_digest": vocabulary.digest,
        "seed": job.seed,
        "code_digest": code_digest,
    }


def describe_artifact(target: types.Artifact, manifest: Manifest) -> None:
    """Says how the records are stored, as TFX's own components do, and how many there are."""
    target.split_names = artifact_utils.encode_split_names(list(manifest.counts))
    examples_utils.set_payload_format(target, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(target, "tfrecords_gzip")
    for split, counts in manifest.counts.items():
        for name in ("instances", "real_tokens"):
            target.set_int_custom_property(f"{split}_{name}", counts[name])
