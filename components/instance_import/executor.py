"""Unpacks a vocabulary, has every file of records rewritten, and publishes the instances."""

import functools
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from components.beam_work import map_units
from components.instance_gen.executor import (
    VOCABULARY_FOLDER,
    describe_artifact,
    facts_of,
    make_job,
)
from components.instance_gen.publishing import copy_vocabulary, publish, write_schema
from components.instance_import.importing import find_records, import_shard, plan_files, records_of
from components.settings import InstanceSettings
from core import storage
from core.vocabulary.vocabulary import load_vocabulary

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):
    """Makes instances, one shard for each file of records."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes instances and their schema.

        Args:
            input_dict: `vocabulary`.
            output_dict: `instances`, `schema`.
            exec_properties: `instance_settings` and `masking_settings` (JSON), `seed`,
                `records_digest`, `code_digest`.
        """
        target = artifact_utils.get_single_instance(output_dict["instances"])
        settings = InstanceSettings.model_validate_json(exec_properties["instance_settings"])
        records = records_of(settings)
        vocabulary_folder = storage.join(target.uri, VOCABULARY_FOLDER)
        copy_vocabulary(artifact_utils.get_single_uri(input_dict["vocabulary"]), vocabulary_folder)
        vocabulary = load_vocabulary(vocabulary_folder)
        job = make_job(target.uri, vocabulary, exec_properties)
        paths = find_records(records)
        units = plan_files(paths)
        work = functools.partial(import_shard, job)
        done = map_units(self._make_beam_pipeline, work, units, job.scratch, "InstanceImport")
        results: dict[str, list[dict[str, Any]]] = {split: [] for split in paths}
        for unit, result in zip(units, done, strict=True):
            results[unit["split"]].append(result)
        facts = {
            **facts_of(job, vocabulary, exec_properties["code_digest"]),
            "imported_layout": records.layout,
            "records_digest": exec_properties["records_digest"],
            "dupe_factor": 1,
        }
        manifest = publish(target.uri, results, facts)
        storage.remove_tree(job.scratch)
        schema_folder = artifact_utils.get_single_uri(output_dict["schema"])
        write_schema(schema_folder, settings, job.max_predictions, vocabulary.size)
        describe_artifact(target, manifest)
