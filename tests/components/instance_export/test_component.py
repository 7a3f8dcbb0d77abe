"""The component works as TFX runs it."""

from pathlib import Path

from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.instance_export.component import InstanceExport
from components.instance_export.executor import Executor
from components.settings import ExportSettings
from core.manifest import read_manifest, verify_shards
from tests.components.instance_export.folders import write_instances


def test_the_executor_writes_the_records_and_describes_them(tmp_path: Path) -> None:
    instances, exported = standard_artifacts.Examples(), standard_artifacts.Examples()
    instances.uri = str(write_instances(tmp_path, "dynamic", "contiguous"))
    instances.split_names, instances.span = artifact_utils.encode_split_names(["train", "eval"]), 4
    exported.uri = str(tmp_path / "exported")
    node = InstanceExport(
        instances=channel_utils.as_channel([instances]),
        export_settings=ExportSettings(layout="electra").model_dump_json(),
        code_digest="c0de",
    )
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=[], tmp_dir=str(tmp_path / "tmp"), unique_id="1"
    )
    inputs, outputs = {"instances": [instances]}, {"exported": [exported]}
    Executor(context).Do(inputs, outputs, dict(node.exec_properties))
    manifest = read_manifest(exported.uri)
    verify_shards(exported.uri, manifest)
    assert manifest.facts["code_digest"] == "c0de"
    assert exported.get_string_custom_property("file_format") == "tfrecords"
    assert (exported.split_names, exported.span) == (instances.split_names, 4)
    assert {path.name for path in Path(exported.uri).iterdir()} == {
        "Split-train", "Split-eval", "vocabulary", "manifest.json",
    }  # fmt: skip
