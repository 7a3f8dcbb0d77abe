"""The executor writes complete artifacts, with the same bytes for any number of workers."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from components.artifacts import Vocabulary
from components.instance_gen.component import InstanceGen
from components.instance_gen.executor import Executor
from components.settings import InstanceSettings
from core.errors import InputError
from core.manifest import Manifest, file_digest, read_manifest, verify_shards
from core.vocabulary.vocabulary import load_vocabulary
from trainer.settings.masking import MaskingSettings

ONE_WORKER = ["--direct_num_workers=1", "--sdk_container_image=unused"]
TWO_WORKERS = ["--direct_num_workers=2", "--sdk_container_image=unused"]


def run(
    target: Path, documents: Path, vocabulary: Path, beam_args: list[str], **settings: Any
) -> Manifest:
    source = standard_artifacts.Examples()
    source.uri, source.span = str(documents), 7
    source.split_names = artifact_utils.encode_split_names(["train", "eval"])
    words = Vocabulary()
    words.uri = str(vocabulary)
    instances, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    instances.uri, schema.uri = str(target / "instances"), str(target / "schema")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=beam_args, tmp_dir=str(target / "tmp"), unique_id="1"
    )
    Executor(context).Do(
        {"documents": [source], "vocabulary": [words]},
        {"instances": [instances], "schema": [schema]},
        {
            "instance_settings": InstanceSettings(dupe_factor=2, **settings).model_dump_json(),
            "masking_settings": MaskingSettings().model_dump_json(),
            "seed": 3,
            "code_digest": "c0de",
        },
    )
    assert instances.span == 7
    assert instances.split_names == source.split_names
    assert instances.get_string_custom_property("file_format") == "tfrecords_gzip"
    return read_manifest(instances.uri)


@pytest.fixture(scope="module")
def result(
    tmp_path_factory: pytest.TempPathFactory, documents_folder: Path, vocabulary_folder: Path
) -> tuple[Path, Manifest]:
    target = tmp_path_factory.mktemp("run")
    return target, run(target, documents_folder, vocabulary_folder, ONE_WORKER)


def test_the_folder_is_complete_and_self_contained(result: tuple[Path, Manifest]) -> None:
    target, manifest = result
    folder = target / "instances"
    verify_shards(str(folder), manifest)
    assert {p.name for p in folder.iterdir()} == {
        "Split-train", "Split-eval", "vocabulary", "manifest.json", "histograms.json",
        "token_counts.npy", "value_counts.npz",
    }  # fmt: skip
    listed = [file.path for file in manifest.files]
    assert listed == ["histograms.json", "token_counts.npy", "value_counts.npz"]
    vocabulary = load_vocabulary(str(folder / "vocabulary"))
    assert manifest.facts["vocabulary_digest"] == vocabulary.digest
    assert manifest.facts["max_predictions"] == 20
    counts = np.load(io.BytesIO((folder / "token_counts.npy").read_bytes()), allow_pickle=False)
    assert counts.shape == (vocabulary.size,)
    assert counts.sum() == manifest.counts["train"]["corpus_tokens"]
    histograms = json.loads((folder / "histograms.json").read_text())
    for split in ("train", "eval"):
        numbers = manifest.counts[split]
        assert sum(histograms[split]["length"]) == numbers["instances"]
        assert sum(histograms[split]["masked_position"]) == numbers["masked_tokens"]
        assert sum(histograms[split]["sentence_tokens"]) == numbers["sentences"]


def test_a_changed_file_next_to_the_splits_is_found(
    result: tuple[Path, Manifest], tmp_path: Path
) -> None:
    folder = shutil.copytree(result[0] / "instances", tmp_path / "instances")
    (folder / "token_counts.npy").write_bytes(b"0")
    with pytest.raises(InputError, match=r"token_counts.npy: its content is not what was written"):
        verify_shards(str(folder), result[1])


def test_labels_are_balanced_exactly_in_every_split(result: tuple[Path, Manifest]) -> None:
    for counts in result[1].counts.values():
        assert counts["random_next"] == counts["actual_next"] > 0


def test_the_schema_matches_the_records(result: tuple[Path, Manifest]) -> None:
    target, manifest = result
    schema = schema_pb2.Schema()
    text_format.Parse((target / "schema" / "schema.pbtxt").read_text(), schema)
    import tensorflow_data_validation as tfdv

    folder = target / "instances"
    for split, shards in manifest.shards.items():
        paths = [str(folder / shard.path) for shard in shards]
        statistics = tfdv.generate_statistics_from_tfrecord(paths[0])
        assert not tfdv.validate_statistics(statistics, schema).anomaly_info, split


@pytest.mark.slow
def test_two_processes_write_the_same_bytes_as_one(
    result: tuple[Path, Manifest], tmp_path: Path, documents_folder: Path, vocabulary_folder: Path
) -> None:
    run(tmp_path, documents_folder, vocabulary_folder, TWO_WORKERS)
    for shards in result[1].shards.values():
        for shard in shards:
            assert file_digest(str(tmp_path / "instances" / shard.path)) == shard.sha256


def test_the_component_declares_what_the_pipeline_wires() -> None:
    component = InstanceGen(
        documents=channel_utils.as_channel([standard_artifacts.Examples()]),
        vocabulary=channel_utils.as_channel([Vocabulary()]),
        instance_settings=InstanceSettings().model_dump_json(),
        masking_settings=MaskingSettings().model_dump_json(),
        seed=1,
        code_digest="c0de",
    )
    assert component.outputs["instances"].type is standard_artifacts.Examples
    assert component.outputs["schema"].type is standard_artifacts.Schema
