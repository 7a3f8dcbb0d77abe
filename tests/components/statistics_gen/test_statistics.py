"""StatisticsGen's numbers are TFDV's own, on real documents and instances."""

import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl, stats_options
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts
from tfx_bsl.coders import example_coder

from components.example_bytes import Column, encode_examples
from components.instance_gen.writing.schema import static_schema
from components.records import read_records, write_frames
from components.statistics_gen import count_text, frequent_texts
from components.statistics_gen.executor import Executor
from components.statistics_gen.statistics_proto import describe_numbers, describe_split
from components.statistics_gen.value_counts import VALUE_COUNTS, ValueCounter
from core.manifest import DamagedFileError
from tests.components.instance_gen.folders import (
    real_documents,
    write_documents,
    write_vocabulary,
)
from tests.components.instance_gen.test_executor import ONE_WORKER, run

Feature = statistics_pb2.FeatureNameStatistics
SPLITS = ("train", "eval")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with documents and, in both forms, their instances."""
    folder = tmp_path_factory.mktemp("statistics")
    short = count_text.LARGE_VALUE_BYTES  # TFDV's Beam pipeline keeps longer values whole
    documents = [d for d in real_documents() if max(map(len, d)) < short]
    assert len(documents) > 60
    parts = {"train": [documents[:30], documents[30:50]], "eval": [documents[50:]]}
    write_documents(folder / "documents", parts)
    vocabulary = write_vocabulary(folder / "vocabulary")
    for form in ("static", "dynamic"):
        settings = {"form": form, "seq_length": 64}
        run(folder / form, folder / "documents", vocabulary, ONE_WORKER, **settings)
    return folder


def describe(examples: Path, target: Path) -> dict[str, bytes]:
    """Run the executor and return its file of each split."""
    source, statistics = standard_artifacts.Examples(), standard_artifacts.ExampleStatistics()
    source.uri, source.span, statistics.uri = str(examples), 7, str(target)
    source.split_names = artifact_utils.encode_split_names([*SPLITS])
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=ONE_WORKER, tmp_dir=str(target / "tmp"), unique_id="1"
    )
    outputs = {"statistics": [statistics]}
    Executor(context).Do({"examples": [source]}, outputs, {"code_digest": "c0de"})
    assert (statistics.span, statistics.split_names) == (7, source.split_names)
    return {split: (target / f"Split-{split}/FeatureStats.pb").read_bytes() for split in SPLITS}


def parse(content: bytes) -> statistics_pb2.DatasetFeatureStatisticsList:
    return statistics_pb2.DatasetFeatureStatisticsList.FromString(content)


def tfdv_statistics(records: list[bytes]) -> statistics_pb2.DatasetFeatureStatisticsList:
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records)
    return stats_impl.generate_statistics_in_memory(batch, stats_options.StatsOptions())


def records_of(examples: Path, split: str) -> list[bytes]:
    paths = sorted(examples.glob(f"Split-{split}/*.gz"))
    return [record for path in paths for record in read_records(str(path))]


def by_name(statistics: Any) -> Mapping[str, Feature]:
    (split,) = statistics.datasets
    return {feature.path.step[0]: feature for feature in split.features}


def assert_equal(ours: Any, theirs: Any) -> None:
    """Compare all numbers; histograms by total, bounds and, roughly, by bucket."""
    assert ours.datasets[0].num_examples == theirs.datasets[0].num_examples
    mine, reference = by_name(ours), by_name(theirs)
    assert list(mine) == sorted(reference)
    for name, feature in mine.items():
        other = reference[name]
        assert feature.type == other.type
        if feature.type == Feature.STRING:
            assert_text_equal(feature.string_stats, other.string_stats)
        else:
            assert_numbers_equal(feature.num_stats, other.num_stats)


def assert_text_equal(ours: Any, theirs: Any) -> None:
    assert_common_equal(ours.common_stats, theirs.common_stats)
    assert ours.unique == theirs.unique
    assert ours.invalid_utf8_count == theirs.invalid_utf8_count
    assert ours.avg_length == pytest.approx(theirs.avg_length)
    assert ours.top_values == theirs.top_values
    assert ours.rank_histogram == theirs.rank_histogram


def assert_numbers_equal(ours: Any, theirs: Any) -> None:
    assert_common_equal(ours.common_stats, theirs.common_stats)
    for field in ("mean", "std_dev", "min", "max", "num_zeros"):
        expected = pytest.approx(getattr(theirs, field), nan_ok=True)
        assert getattr(ours, field) == expected, field
    middle = theirs.histograms[-1].buckets[4:6] if theirs.histograms else []
    for bucket in middle[:1]:  # the sketch's median lies within one percent of the values
        assert middle[0].low_value <= ours.median <= middle[-1].high_value, bucket
    for mine, other in zip(ours.histograms, theirs.histograms, strict=True):
        assert (mine.type, mine.num_nan) == (other.type, other.num_nan)
        assert_histogram_equal(mine, other)


def assert_common_equal(ours: Any, theirs: Any) -> None:
    for field in ("num_non_missing", "num_missing", "min_num_values", "max_num_values"):
        assert getattr(ours, field) == getattr(theirs, field), field
    assert ours.tot_num_values == theirs.tot_num_values
    assert ours.avg_num_values == pytest.approx(theirs.avg_num_values)
    assert_histogram_equal(ours.num_values_histogram, theirs.num_values_histogram)


def assert_histogram_equal(ours: Any, theirs: Any) -> None:
    total = sum(bucket.sample_count for bucket in theirs.buckets)
    assert sum(b.sample_count for b in ours.buckets) == pytest.approx(total, rel=1e-4)
    assert len(ours.buckets) == len(theirs.buckets)
    for mine, other in zip(ours.buckets[:1], theirs.buckets[:1], strict=True):
        assert mine.low_value == pytest.approx(other.low_value)
    for mine, other in zip(ours.buckets[-1:], theirs.buckets[-1:], strict=True):
        assert mine.high_value == pytest.approx(other.high_value)
    if ours.type == statistics_pb2.Histogram.STANDARD:
        for mine, other in zip(ours.buckets, theirs.buckets, strict=True):
            assert mine.low_value == pytest.approx(other.low_value)
            if total > 100:  # with few values, TFDV spreads each over a bucket and more
                assert mine.sample_count == pytest.approx(other.sample_count, abs=0.03 * total)


@pytest.mark.parametrize("examples", ["documents", "static/instances", "dynamic/instances"])
def test_every_field_is_that_of_tfdv(folder: Path, tmp_path: Path, examples: str) -> None:
    contents = describe(folder / examples, tmp_path)
    for split, content in contents.items():
        ours = parse(content)
        if examples == "documents":  # in memory, TFDV only estimates how often texts occur
            files = str(folder / examples / f"Split-{split}" / "*.gz")
            theirs = tfdv.generate_statistics_from_tfrecord(files)
        else:
            theirs = tfdv_statistics(records_of(folder / examples, split))
        assert_equal(ours, theirs)
        schema = tfdv.infer_schema(theirs, infer_feature_shape=False)
        by_ours = tfdv.infer_schema(ours, infer_feature_shape=False)
        assert {f.name: f for f in by_ours.feature} == {f.name: f for f in schema.feature}
        assert not tfdv.validate_statistics(ours, schema).anomaly_info
    assert describe(folder / examples, tmp_path / "again") == contents


def test_tfdv_finds_the_same_anomalies(folder: Path, tmp_path: Path) -> None:
    content = describe(folder / "static/instances", tmp_path)["train"]
    schema = static_schema(32, 3, 100, "next_sentence_labels")  # of other instances
    theirs = tfdv_statistics(records_of(folder / "static/instances", "train"))
    anomalies = tfdv.validate_statistics(parse(content), schema).anomaly_info
    expected = tfdv.validate_statistics(theirs, schema).anomaly_info
    assert len(anomalies) == 6
    assert {name: info.description for name, info in anomalies.items()} == {
        name: expected[name].description for name in expected
    }


def test_tfdv_draws_the_statistics(folder: Path, tmp_path: Path) -> None:
    content = describe(folder / "static/instances", tmp_path)["train"]
    from tensorflow_data_validation.utils import display_util

    assert "<facets-overview" in display_util.get_statistics_html(parse(content))


@pytest.mark.parametrize(
    "weights",
    [
        [[0.0, 1.0], [1.0, 1.0]],
        [[0.5, 0.25], [2.0, -1.0]],
        [[1.0, float("nan")], [0.0, 1.0]],
        [[float("nan")] * 2] * 2,
        [[float("inf"), 1.0], [0.0, 3.0]],
        [[float("-inf"), 1.0], [0.0, 3.0]],
    ],
)
def test_any_floats_are_described_as_by_tfdv(tmp_path: Path, weights: list[list[float]]) -> None:
    features = {
        "weights": Column(np.array(weights, np.float32)),
        "ids": Column(np.array([[5, 300], [0, 7]]), np.array([[True, True], [True, False]])),
    }
    counter = ValueCounter()
    for _ in range(3):  # batches
        counter.add(features)
    write_frames(str(tmp_path), "records", [encode_examples(features)] * 3)
    theirs = tfdv_statistics(list(read_records(str(tmp_path / "records"))))
    assert_equal(describe_split(describe_numbers(counter.counts()), 6), theirs)


def test_units_of_documents_add_up_to_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = describe(folder / "documents", tmp_path / "whole")
    monkeypatch.setattr(count_text, "UNIT_BYTES", 1)
    assert describe(folder / "documents", tmp_path / "parts") == whole
    assert not (tmp_path / "parts" / ".work").exists()


def test_long_invalid_and_rare_values_are_counted_in_bounded_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frequent_texts, "VALUES_KEPT", 4)
    monkeypatch.setattr(frequent_texts, "COUNTED_TIMES", 30)
    feature = count_text.FeatureText()
    for block in range(50):
        values = [b"often", b"\xff", b"x" * 2000, *(b"%d" % (100 * block + n) for n in range(99))]
        feature.add(pa.array(values, pa.large_binary()))
        held = feature.texts.__dict__.values()
        assert sum(len(each) for each in held if isinstance(each, pa.Array)) <= 4 * 30
        assert sum(len(b) for each in held if isinstance(each, list) for b in each) <= 2 * 4 * 30
    assert feature.invalid == 50
    assert {v: n for v, n in feature.texts.most_frequent().items() if n > 1} == {
        "often": 50, count_text.INVALID_VALUE: 50, count_text.LARGE_VALUE: 50,
    }  # fmt: skip
    assert feature.distinct.Estimate() == 3 + 50 * 99


@pytest.mark.parametrize("seed", range(20))
def test_texts_are_dropped_at_the_end_of_the_block_that_makes_too_many(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frequent_texts, "VALUES_KEPT", 6)
    monkeypatch.setattr(frequent_texts, "COUNTED_TIMES", 3)
    draw = np.random.default_rng(seed)
    texts = frequent_texts.FrequentTexts()
    expected: Counter[str] = Counter()
    for _ in range(200):
        block = [f"ä{n}" for n in draw.geometric(0.05, draw.integers(9)).tolist()]
        texts.add(pa.array(block, pa.large_utf8()))
        expected.update(block)
        if len(expected) > 18:
            expected = Counter(dict(count_text.most_frequent(expected, 6)))
    assert [*texts.most_frequent().items()] == count_text.most_frequent(expected, 6)


def test_a_changed_file_of_counts_is_refused(folder: Path, tmp_path: Path) -> None:
    path = folder / "dynamic/instances" / VALUE_COUNTS
    content = path.read_bytes()
    try:
        stream = io.BytesIO()
        np.savez(stream, **{"train/input_ids/lengths": np.zeros(3)})
        path.write_bytes(stream.getvalue())
        with pytest.raises(DamagedFileError, match=r"value_counts\.npz: its content is not"):
            describe(folder / "dynamic/instances", tmp_path)
    finally:
        path.write_bytes(content)
