"""Rewrite instances as the records of another system."""

import functools
from typing import Any

from tfx.types import artifact_utils

from components.artifacts import Artifacts
from components.beam_work import map_units
from components.instance_export.export_instances import export_shard, plan_units, publish_records
from components.settings import ExportSettings
from components.tfx_internals.beam_executor import BeamExecutor, describe_examples
from core import storage
from core.temporary import SCRATCH, make_scratch
from trainer.input.instances import open_instances


class Executor(BeamExecutor):
    """Make one shard of records per shard of instances."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Write the records.

        Args:
            input_dict: `instances`.
            output_dict: `exported`.
            exec_properties: `export_settings` (JSON), `code_digest`.
        """
        source = artifact_utils.get_single_instance(input_dict["instances"])
        target = artifact_utils.get_single_instance(output_dict["exported"])
        settings = ExportSettings.model_validate_json(exec_properties["export_settings"])
        instances = open_instances(source.uri)
        units = plan_units(instances)
        work = functools.partial(export_shard, source.uri, target.uri, settings)
        scratch = make_scratch(target.uri)
        results = map_units(self.make_pipeline, work, units, scratch, "InstanceExport")
        code_digest = exec_properties["code_digest"]
        publish_records(instances, target.uri, settings, units, results, code_digest)
        storage.remove_tree(storage.join(target.uri, SCRATCH))
        splits = artifact_utils.decode_split_names(source.split_names)
        describe_examples(target, splits, is_gzipped=settings.compress)
        target.span = source.span
