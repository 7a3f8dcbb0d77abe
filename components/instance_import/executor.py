"""Rewrite the records of another system as instances, and publish them."""

import functools
from typing import Any

from tfx.types import artifact_utils

from components.artifacts import Artifacts
from components.beam_work import map_units
from components.instance_gen.writing.plan import describe_context, make_context
from components.instance_gen.writing.publish import publish_instances, record_counts, write_schema
from components.instance_import.import_records import (
    find_records,
    import_shard,
    plan_units,
    record_settings,
)
from components.tfx_internals.beam_executor import BeamExecutor, describe_examples


class Executor(BeamExecutor):
    """Make one shard of instances per file of records."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Write instances and their schema.

        Args:
            input_dict: `vocabulary`.
            output_dict: `instances`, `schema`.
            exec_properties: `instance_settings` and `masking_settings` (JSON), `seed`,
                `records_digest`, `code_digest`.
        """
        target = artifact_utils.get_single_instance(output_dict["instances"])
        vocabulary_source = artifact_utils.get_single_uri(input_dict["vocabulary"])
        context, vocabulary = make_context(target.uri, vocabulary_source, exec_properties)
        records = record_settings(context.settings)
        paths = find_records(records)
        units = plan_units(paths)
        work = functools.partial(import_shard, context)
        spread = functools.partial(map_units, self.make_pipeline, label="InstanceImport")
        results = spread(work, units, context.scratch)
        facts = {
            **describe_context(context, vocabulary),
            "code_digest": exec_properties["code_digest"],
            "imported_layout": records.layout,
            "records_digest": exec_properties["records_digest"],
            "dupe_factor": 1,
        }
        manifest = publish_instances(context, list(paths), units, results, facts, spread)
        write_schema(artifact_utils.get_single_uri(output_dict["schema"]), context, vocabulary)
        describe_examples(target, list(manifest.counts))
        record_counts(target, manifest)
