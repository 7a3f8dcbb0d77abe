"""Make the instances of all shards, and publish them."""

import functools
from typing import Any

from tfx.types import artifact_utils

from components.artifacts import Artifacts
from components.beam_work import map_units
from components.instance_gen.write_shard import write_shard
from components.instance_gen.writing.plan import (
    describe_context,
    make_context,
    plan_units,
    source_names,
)
from components.instance_gen.writing.publish import publish_instances, record_counts, write_schema
from components.tfx_internals.beam_executor import BeamExecutor, describe_examples
from core.manifest import read_manifest


class Executor(BeamExecutor):
    """Make one shard of instances per shard of documents."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Write instances and their schema.

        Args:
            input_dict: `documents`, `vocabulary`.
            output_dict: `instances`, `schema`.
            exec_properties: `instance_settings` and `masking_settings` (JSON), `seed`,
                `code_digest`.
        """
        source = artifact_utils.get_single_instance(input_dict["documents"])
        target = artifact_utils.get_single_instance(output_dict["instances"])
        vocabulary_source = artifact_utils.get_single_uri(input_dict["vocabulary"])
        context, vocabulary = make_context(target.uri, vocabulary_source, exec_properties)
        settings, documents = context.settings, read_manifest(source.uri)
        splits = artifact_utils.decode_split_names(source.split_names)
        units = plan_units(source.uri, documents, splits, settings)
        work = functools.partial(write_shard, context)
        spread = functools.partial(map_units, self.make_pipeline, label="InstanceGen")
        results = spread(work, units, context.scratch)
        facts = {
            **describe_context(context, vocabulary),
            "code_digest": exec_properties["code_digest"],
            "pair_draws": settings.pair_draws,
            "short_seq_fraction": settings.short_seq_fraction,
            "dupe_factor": settings.dupe_factor if settings.form == "static" else 1,
            "documents_digest": documents.content_digest(),
        }
        if sources := source_names(documents):
            facts["sources"] = [*sources]
        manifest = publish_instances(context, splits, units, results, facts, spread)
        write_schema(artifact_utils.get_single_uri(output_dict["schema"]), context, vocabulary)
        target.span = source.span
        describe_examples(target, list(manifest.counts))
        record_counts(target, manifest)
