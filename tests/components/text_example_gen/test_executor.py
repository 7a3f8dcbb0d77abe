"""The executor runs as TFX runs it, on Beam."""

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.components.example_gen import driver as tfx_driver
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.driver import TextDriver
from components.text_example_gen.executor import TextExampleGenExecutor
from components.text_settings import TextSettings
from core.errors import InputError
from core.manifest import read_manifest, verify_shards
from tests.components.text_example_gen.test_sources import PATTERNS, make_settings, put
from tests.real_text import DATA

ONE_WORKER = ["--direct_num_workers=1", "--sdk_container_image=unused"]
TWO_WORKERS = ["--direct_num_workers=2", "--sdk_container_image=unused"]


def run(
    folder: Path,
    *patterns: str,
    root: Path = DATA,
    driver: Any = TextDriver,
    beam_args: list[str] = ONE_WORKER,
    sources: TextSettings | None = None,
    **settings: Any,
) -> standard_artifacts.Examples:
    component = TextExampleGen(
        input_base=str(root),
        patterns=PATTERNS if sources else patterns,
        text_settings=(sources or TextSettings(shard_bytes=1 << 16, **settings)).model_dump_json(),
        code_digest="code",
    )
    properties = dict(component.exec_properties)
    properties = driver(None).resolve_exec_properties(properties, None, None)
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=beam_args, tmp_dir=str(folder.parent / "tmp"), unique_id="1"
    )
    TextExampleGenExecutor(context).Do({}, {"examples": [examples]}, properties)
    return examples


def files_in(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(paths)}


def test_the_artifact_is_examples_that_any_tfx_component_can_read(tmp_path: Path) -> None:
    examples = run(tmp_path / "out", "*.txt")
    assert artifact_utils.decode_split_names(examples.split_names) == ["train", "eval"]
    assert examples_utils.get_payload_format_string(examples) == "FORMAT_TF_EXAMPLE"
    assert examples_utils.get_file_format(examples) == "tfrecords_gzip"
    manifest = read_manifest(examples.uri)
    verify_shards(examples.uri, manifest)
    for split in ("train", "eval"):
        (uri,) = artifact_utils.get_split_uris([examples], split)
        paths = sorted(str(path) for path in Path(uri).iterdir())
        records = list(tf.data.TFRecordDataset(paths, compression_type="GZIP"))
        assert len(records) == manifest.counts[split]["documents"]
        features = tf.train.Example.FromString(records[0].numpy()).features.feature
        assert sorted(features) == ["document_id", "sentences", "source"]
        assert features["source"].bytes_list.value[0].endswith(b".txt")
    assert sorted(path.name for path in Path(examples.uri).iterdir()) == [
        "Split-eval", "Split-train", "files.jsonl", "manifest.json",
    ]  # fmt: skip


@pytest.mark.slow
def test_two_workers_write_the_same_bytes_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.text_example_gen.plan_units.UNIT_BYTES", 1 << 13)
    run(tmp_path / "one", "*.txt")
    run(tmp_path / "two", "*.txt", beam_args=TWO_WORKERS)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")


def test_bytes_of_mixed_sources_do_not_depend_on_the_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One source is plain text in three files and the other one JSONL."""
    monkeypatch.setattr("components.text_example_gen.plan_units.UNIT_BYTES", 1 << 13)
    corpus = put(tmp_path / "c", web_files=3)
    settings = make_settings({"weight": 1}, {"weight": 2, "repeat": 2})
    run(tmp_path / "one", root=corpus, sources=settings)
    run(tmp_path / "two", root=corpus, sources=settings, beam_args=TWO_WORKERS)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
    assert "sources" in read_manifest(str(tmp_path / "one")).facts


def test_the_stock_driver_works_too(tmp_path: Path) -> None:
    run(tmp_path / "ours", "*.txt")
    run(tmp_path / "stock", "*.txt", driver=tfx_driver.FileBasedDriver)
    assert files_in(tmp_path / "ours") == files_in(tmp_path / "stock")


def test_a_bad_line_raises_an_input_error_and_leaves_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a.txt").write_bytes(b"fine\nnot \xff fine\n")
    with pytest.raises(InputError, match=r"a\.txt:2:5: byte 0xff is not UTF-8"):
        run(tmp_path / "out", "*.txt", root=tmp_path / "c")
    assert files_in(tmp_path / "out") == {}
