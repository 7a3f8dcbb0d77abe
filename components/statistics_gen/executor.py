"""Run StatisticsGen: count the values of each split, and write TFDV's statistics of them."""

import functools
from collections.abc import Mapping
from typing import Any

from tfx.types import artifact_utils

from components.artifacts import Artifacts
from components.beam_work import map_units
from components.statistics_gen.count_text import TextCounts, add_text_counts, count_text, plan_units
from components.statistics_gen.statistics_proto import (
    describe_numbers,
    describe_split,
    describe_text,
)
from components.statistics_gen.value_counts import VALUE_COUNTS, read_value_counts
from components.tfx_internals.beam_executor import BeamExecutor
from core import storage
from core.manifest import Manifest, read_manifest
from core.temporary import SCRATCH, make_scratch

STATISTICS_FILE = "FeatureStats.pb"  # the name that TFX's ExampleValidator and SchemaGen look for


class Executor(BeamExecutor):
    """Writes the statistics of all splits."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Describe documents or instances.

        Args:
            input_dict: `examples`, one artifact of TextExampleGen, InstanceGen or InstanceImport.
            output_dict: `statistics`, one ExampleStatistics artifact.
            exec_properties: `code_digest`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        statistics = artifact_utils.get_single_instance(output_dict["statistics"])
        manifest = read_manifest(examples.uri)
        splits = artifact_utils.decode_split_names(examples.split_names)
        if any(file.path == VALUE_COUNTS for file in manifest.files):
            counts = read_value_counts(examples.uri, manifest)
            features = {split: describe_numbers(counts[split]) for split in splits}
        else:
            texts = self._count_text(examples.uri, manifest, statistics.uri)
            features = {split: describe_text(texts[split]) for split in splits}
        statistics.split_names = artifact_utils.encode_split_names(splits)
        statistics.span = examples.span
        for split in splits:
            records = sum(shard.records for shard in manifest.shards[split])
            content = describe_split(features[split], records).SerializeToString(deterministic=True)
            folder = artifact_utils.get_split_uri(output_dict["statistics"], split)
            storage.write_bytes(storage.join(folder, STATISTICS_FILE), content)

    def _count_text(self, folder: str, manifest: Manifest, output: str) -> Mapping[str, TextCounts]:
        """Count the documents of each split."""
        work = functools.partial(count_text, folder)
        units, scratch = plan_units(manifest), make_scratch(output)
        parts = map_units(self.make_pipeline, work, units, scratch, "DocumentStatistics")
        storage.remove_tree(storage.join(output, SCRATCH))
        return {split: add_text_counts(part[split] for part in parts) for split in manifest.shards}
