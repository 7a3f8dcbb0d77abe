"""On real TFDV statistics, harmful anomalies stop the run and harmless ones are counted."""

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl, stats_options
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx_bsl.coders import example_coder

from components.example_validator.component import ExampleValidator
from components.example_validator.executor import Executor
from components.instance_gen.writing.schema import dynamic_schema, schema_text, static_schema
from core.errors import InputError

L, N, V = 6, 2, 50
SOUND: dict[str, list[Any]] = {
    "input_ids": [2, 7, 9, 3, 8, 3],
    "input_mask": [1, 1, 1, 1, 1, 1],
    "segment_ids": [0, 0, 0, 0, 1, 1],
    "masked_lm_positions": [1, 2],
    "masked_lm_ids": [7, 9],
    "masked_lm_weights": [1.0, 0.0],
    "next_sentence_labels": [1],
}
DOCUMENT: dict[str, list[Any]] = {
    "document_id": [b"00ff"],
    "sentences": [b"One sentence.", "둘째 문장.".encode()],
    "source": [b"a.txt"],
}
KINDS = {bytes: "bytes_list", int: "int64_list", float: "float_list"}


def statistics_of(records: list[dict[str, list[Any]]]) -> Any:
    """Return TFDV's statistics of some records, as StatisticsGen computes them."""
    encoded = []
    for record in records:
        example = tf.train.Example()
        for name, values in record.items():
            kind = KINDS[type(values[0])]
            getattr(example.features.feature[name], kind).value.extend(values)
        encoded.append(example.SerializeToString())
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(encoded)
    return stats_impl.generate_statistics_in_memory(batch, stats_options.StatsOptions())


def validate(
    folder: Path, schema: schema_pb2.Schema, **splits: list[dict[str, list[Any]]]
) -> standard_artifacts.ExampleAnomalies:
    """Run the executor on artifacts that are written by hand."""
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(folder / "statistics")
    statistics.split_names = artifact_utils.encode_split_names(list(splits))
    for split, records in splits.items():
        path = folder / "statistics" / f"Split-{split}" / "FeatureStats.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(statistics_of(records).SerializeToString())
    expected = standard_artifacts.Schema()
    expected.uri = str(folder / "schema")
    (folder / "schema").mkdir()
    (folder / "schema" / "schema.pbtxt").write_bytes(schema_text(schema))
    anomalies = standard_artifacts.ExampleAnomalies()
    anomalies.uri = str(folder / "anomalies")
    output = Executor().Do(
        {"statistics": [statistics], "schema": [expected]},
        {"anomalies": [anomalies]},
        {"exclude_splits": "[]", "code_digest": "abc"},
    )
    properties = output.output_artifacts["anomalies"].artifacts[0].custom_properties
    assert properties["tolerated_anomalies"].int_value == tolerated(anomalies)
    return anomalies


def tolerated(anomalies: standard_artifacts.ExampleAnomalies) -> int:
    count: int = anomalies.get_int_custom_property("tolerated_anomalies")
    return count


def test_sound_instances_pass(tmp_path: Path) -> None:
    schema = static_schema(L, N, V, "next_sentence_labels")
    anomalies = validate(tmp_path, schema, train=[SOUND, SOUND], eval=[SOUND])
    assert tolerated(anomalies) == 0
    written = sorted(p.parent.name for p in Path(anomalies.uri).rglob("SchemaDiff.pb"))
    assert written == ["Split-eval", "Split-train"]


def test_sound_dynamic_instances_of_many_lengths_pass(tmp_path: Path) -> None:
    records = [
        {
            "input_ids": [2, *[7] * n, 3],
            "segment_ids": [0] * (n + 2),
            "word_starts": [1] * (n + 2),
            "next_sentence_labels": [n % 2],
        }
        for n in range(1, L - 1)
    ]
    schema = dynamic_schema(L, V, "next_sentence_labels")
    assert tolerated(validate(tmp_path, schema, train=records, eval=records)) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"segment_ids": None}, r"feature segment_ids: .*SCHEMA_MISSING_COLUMN"),
        ({"input_ids": [2, 7, V, 3, 8, 3]}, r"feature input_ids: .*INT_TYPE_BIG_INT.*vocabulary"),
        ({"masked_lm_ids": [-1, 9]}, r"feature masked_lm_ids: .*INT_TYPE_SMALL_INT"),
        ({"input_mask": [1, 1, 1]}, r"feature input_mask: .*INVALID_FEATURE_SHAPE.*lengths"),
        ({"input_ids": [b"x"] * L}, r"feature input_ids: .*"),
        ({"masked_lm_weights": [1, 0]}, r"feature masked_lm_weights: .*"),
        ({"masked_lm_weights": [1.0, 2.0]}, r"feature masked_lm_weights: .*BIG_FLOAT"),
        ({"masked_lm_weights": [1.0, float("nan")]}, r"feature masked_lm_weights: .*HAS_NAN"),
        ({"masked_lm_weights": [float("inf"), 0.0]}, r"feature masked_lm_weights: .*HAS_INF"),
    ],
)
def test_harmful_anomalies_stop_the_run(
    tmp_path: Path, changes: dict[str, list[Any] | None], message: str
) -> None:
    record = {k: v for k, v in {**SOUND, **changes}.items() if v is not None}
    schema = static_schema(L, N, V, "next_sentence_labels")
    with pytest.raises(InputError, match=message) as error:
        validate(tmp_path, schema, train=[SOUND, SOUND], eval=[record, record])
    assert "split eval" in str(error.value)
    assert "split train" not in str(error.value)


def test_all_harmful_anomalies_are_listed_at_once(tmp_path: Path) -> None:
    record = {**SOUND, "input_ids": [2, 7, V, 3, 8, 3], "next_sentence_labels": [2]}
    schema = static_schema(L, N, V, "next_sentence_labels")
    with pytest.raises(InputError) as error:
        validate(tmp_path, schema, train=[record], eval=[record])
    assert str(error.value).startswith("4 anomalies")
    assert str(error.value).count("\n  - split ") == 4


def test_a_new_source_is_counted_and_passes(tmp_path: Path) -> None:
    seen = [{**DOCUMENT, "source": [b"a.txt" if n % 2 else b"b.txt"]} for n in range(40)]
    schema = tfdv.infer_schema(statistics_of(seen), infer_feature_shape=False)
    assert tfdv.get_domain(schema, "source").value == ["a.txt", "b.txt"]
    new = [{**DOCUMENT, "source": [b"new.txt"]}] * 40
    assert tolerated(validate(tmp_path, schema, train=seen, eval=new)) == 1


def test_documents_without_sentences_stop_the_run(tmp_path: Path) -> None:
    schema = tfdv.infer_schema(statistics_of([DOCUMENT] * 3), infer_feature_shape=False)
    empty = {k: v for k, v in DOCUMENT.items() if k != "sentences"}
    with pytest.raises(InputError, match=r"split eval, feature sentences"):
        validate(tmp_path, schema, train=[DOCUMENT] * 3, eval=[empty] * 3)


def test_the_cache_key_contains_the_code_digest() -> None:
    component = ExampleValidator(
        statistics=Channel(type=standard_artifacts.ExampleStatistics),
        schema=Channel(type=standard_artifacts.Schema),
        code_digest="abc",
    )
    assert component.exec_properties["code_digest"] == "abc"
    assert component.outputs["anomalies"].type is standard_artifacts.ExampleAnomalies
