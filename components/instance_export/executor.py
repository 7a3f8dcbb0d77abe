"""Unpacks instances, has every shard rewritten, and describes the result."""

from typing import Any

from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.beam_work import map_units
from components.instance_export.exporting import Job, export_instances
from components.settings import ExportSettings
from core import storage

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):
    """Rewrites instances in another layout."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Writes the records.

        Args:
            input_dict: `instances`.
            output_dict: `exported`.
            exec_properties: `export_settings` (JSON), `code_digest`.
        """
        source = artifact_utils.get_single_instance(input_dict["instances"])
        target = artifact_utils.get_single_instance(output_dict["exported"])
        job = Job(source.uri, target.uri, exec_properties["export_settings"])
        scratch = storage.join(target.uri, ".work")
        export_instances(
            job,
            exec_properties["code_digest"],
            lambda work, units: map_units(
                self._make_beam_pipeline, work, units, scratch, "InstanceExport"
            ),
        )
        storage.remove_tree(scratch)
        target.split_names, target.span = source.split_names, source.span
        examples_utils.set_payload_format(target, example_gen_pb2.FORMAT_TF_EXAMPLE)
        is_gzip = ExportSettings.model_validate_json(job.settings).compress
        examples_utils.set_file_format(target, "tfrecords_gzip" if is_gzip else "tfrecords")
