"""Records of other systems, written by TensorFlow, become instances that our trainer reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.dsl.components.base import base_beam_executor
from tfx.types import channel_utils, standard_artifacts

from components.artifacts import Vocabulary as VocabularyArtifact
from components.instance_import.component import InstanceImport
from components.instance_import.executor import Executor
from components.instance_import.import_records import records_digest
from components.settings import InstanceSettings, RecordsSettings
from core.errors import InputError
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from tests.components.instance_gen.folders import real_documents, write_vocabulary
from trainer.input.batches import evaluation_batches
from trainer.input.instances import open_instances, read_token_counts, verify_instances
from trainer.settings.masking import MaskingSettings

LENGTH, SLOTS = 32, 5
NAMES = {"model_garden": {"input_ids": "input_word_ids", "segment_ids": "input_type_ids"}}
Row = dict[str, list[int] | list[float]]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return load_vocabulary(str(write_vocabulary(tmp_path_factory.mktemp("words"))))


def rows_of(vocabulary: Vocabulary, layout: str) -> list[Row]:
    """Make foreign instances by hand: a sentence, [SEP], the next one; every third token masked."""
    encode = vocabulary.tokenizer().encode
    rows = []
    for number, document in enumerate(d for d in real_documents()[:20] if len(d) > 1):
        first, second = (encode(s).ids[: LENGTH // 2 - 2] for s in document[:2])
        ids = [vocabulary.cls_id, *first, vocabulary.sep_id, *second, vocabulary.sep_id]
        segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
        rows.append(_row(ids, segments, number % 2, layout, vocabulary))
    return rows


def _row(
    ids: list[int], segments: list[int], label: int, layout: str, vocabulary: Vocabulary
) -> Row:
    pad = [0] * (LENGTH - len(ids))
    mask = [1] * len(ids)
    row: Row = {"input_ids": ids + pad, "segment_ids": segments + pad, "input_mask": mask + pad}
    if layout in ("bert", "model_garden", "albert"):
        free = [n for n, t in enumerate(ids) if t not in vocabulary.special_ids]
        at = free[::3][: SLOTS - 1]
        empty = [0] * (SLOTS - len(at))
        row["masked_lm_positions"], row["masked_lm_ids"] = at + empty, [ids[n] for n in at] + empty
        row["masked_lm_weights"] = [1.0] * len(at) + [0.0] * len(empty)
        seen = [vocabulary.mask_id if n in at else token for n, token in enumerate(ids)]
        row["input_ids"], row["next_sentence_labels"] = seen + pad, [label]
    if layout == "albert":
        row["token_boundary"] = [int(not vocabulary.continuation[t]) for t in ids] + pad
    if layout == "origin":
        row["attention_mask"] = [float(n) for n in row.pop("input_mask")]
        row["label"] = [label]
    return {NAMES.get(layout, {}).get(name, name): values for name, values in row.items()}


def write_rows(path: Path, rows: Sequence[Row]) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            writer.write(tf.train.Example(features=tf.train.Features(feature=_features(row)))
                         .SerializeToString())  # fmt: skip
    return str(path)


def _features(row: Row) -> dict[str, tf.train.Feature]:
    return {
        name: tf.train.Feature(float_list=tf.train.FloatList(value=values))
        if isinstance(values[0], float)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        for name, values in row.items()
    }


def bring_in(
    folder: Path, vocabulary: Vocabulary, layout: str, rows: Sequence[Row], **settings: Any
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "a.tfrecord", rows[:10])
    write_rows(folder / "c.tfrecord", rows[:3])
    write_rows(folder / "held-out.tfrecord", rows[10:])
    records = {"train": f"{folder}/?.tfrecord", "eval": f"{folder}/held-out*", "layout": layout}
    values = {"seq_length": LENGTH, "form": "dynamic", "import_from": records, **settings}
    return run_executor(folder, vocabulary, InstanceSettings.model_validate(values))


def run_executor(folder: Path, vocabulary: Vocabulary, settings: InstanceSettings) -> Path:
    """Run the component as TFX does, and return the folder of the instances."""
    words, instances = VocabularyArtifact(), standard_artifacts.Examples()
    schema = standard_artifacts.Schema()
    words.uri, instances.uri = vocabulary.folder, str(folder / "instances")
    schema.uri = str(folder / "schema")
    assert settings.import_from is not None
    node = InstanceImport(
        vocabulary=channel_utils.as_channel([words]),
        instance_settings=settings.model_dump_json(),
        masking_settings=MaskingSettings().model_dump_json(),
        seed=1,
        records_digest=records_digest(settings.import_from),
        code_digest="c0de",
    )
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=[], tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    outputs = {"instances": [instances], "schema": [schema]}
    Executor(context).Do({"vocabulary": [words]}, outputs, dict(node.exec_properties))
    assert instances.split_names == '["train", "eval"]'
    assert not (folder / "instances" / ".work").exists()
    assert (folder / "schema" / "schema.pbtxt").is_file()
    return folder / "instances"


@pytest.mark.parametrize("form", ["static", "dynamic"])
@pytest.mark.parametrize("layout", ["bert", "model_garden", "albert", "origin", "electra"])
def test_our_trainer_reads_imported_instances(
    tmp_path: Path, vocabulary: Vocabulary, layout: str, form: str
) -> None:
    objective = "none" if layout == "electra" else "next_sentence"
    rows = rows_of(vocabulary, layout)
    folder = bring_in(tmp_path, vocabulary, layout, rows, form=form, objective=objective)
    instances = open_instances(str(folder))
    verify_instances(instances)
    assert instances.size("train") == 13
    (batch,) = evaluation_batches(instances, "eval", MaskingSettings(), batch_size=99, seed=0)
    expected = rows_of(vocabulary, "origin")[10:]
    restored = batch["input_ids"].numpy().copy()
    row, slot = np.nonzero(batch["masked_lm_weights"].numpy())
    at = batch["masked_lm_positions"].numpy()[row, slot]
    restored[row, at] = batch["masked_lm_ids"].numpy()[row, slot]
    np.testing.assert_array_equal(restored, [r["input_ids"] for r in expected])
    np.testing.assert_array_equal(batch["segment_ids"], [r["segment_ids"] for r in expected])
    np.testing.assert_array_equal(batch["input_mask"], [r["attention_mask"] for r in expected])
    if objective == "next_sentence":
        labels = batch["next_sentence_labels"].numpy().reshape(-1)
        assert labels.tolist() == [r["label"][0] for r in expected]


def test_the_masks_of_static_records_are_kept(tmp_path: Path, vocabulary: Vocabulary) -> None:
    rows = rows_of(vocabulary, "bert")
    folder = bring_in(tmp_path, vocabulary, "bert", rows, form="static")
    instances = open_instances(str(folder))
    (batch,) = evaluation_batches(instances, "eval", MaskingSettings(), batch_size=99, seed=0)
    for name in ("input_ids", "masked_lm_positions", "masked_lm_ids", "masked_lm_weights"):
        np.testing.assert_array_equal(batch[name], [row[name] for row in rows[10:]])


def test_tokens_are_counted_for_the_baseline(tmp_path: Path, vocabulary: Vocabulary) -> None:
    rows = rows_of(vocabulary, "origin")
    folder = bring_in(tmp_path, vocabulary, "origin", rows)
    expected = np.zeros(vocabulary.size, np.int64)
    for row in [*rows[:10], *rows[:3]]:
        for token in row["input_ids"]:
            expected[int(token)] += int(token) not in vocabulary.special_ids
    np.testing.assert_array_equal(read_token_counts(open_instances(str(folder))), expected)


def change(rows: list[Row], name: str, values: Any) -> list[Row]:
    return [{**row, name: values} for row in rows]


@pytest.mark.parametrize(
    ("layout", "named", "name", "values", "message"),
    [
        (
            "electra",
            "bert",
            "x",
            [0],
            r"records 0 to 9: there is no feature 'next_sentence_labels'|no feat",
        ),
        ("origin", "origin", "input_ids", [9] * 40, r"40 to 40 values, and the maximum is 32"),
        ("origin", "origin", "input_ids", [10**6] * 9, r"the vocabulary has 2000"),
        ("bert", "bert", "masked_lm_positions", [99] * 5, r"positions exceed the 32 tokens"),
        ("electra", "electra", "input_mask", [1, 0, 1] + [0] * 29, r"after padding"),
    ],
)
def test_records_of_another_layout_are_refused(
    tmp_path: Path, vocabulary: Vocabulary, layout: str, named: str, name: str, values: Any,
    message: str,
) -> None:  # fmt: skip
    rows = change(rows_of(vocabulary, layout), name, values)
    objective = "none" if named == "electra" else "next_sentence"
    with pytest.raises(InputError, match=message):
        bring_in(tmp_path, vocabulary, named, rows, objective=objective)


def test_a_missing_label_is_an_error(tmp_path: Path, vocabulary: Vocabulary) -> None:
    with pytest.raises(InputError, match=r"electra have no label.*contiguous or none"):
        bring_in(tmp_path, vocabulary, "electra", rows_of(vocabulary, "electra"))


def test_more_masks_than_slots_are_refused(tmp_path: Path, vocabulary: Vocabulary) -> None:
    rows = change(rows_of(vocabulary, "bert"), "masked_lm_positions", list(range(1, 10)))
    rows = change(rows, "masked_lm_ids", [9] * 9)
    rows = change(rows, "masked_lm_weights", [1.0] * 9)
    with pytest.raises(InputError, match="predict more than 5 tokens"):
        bring_in(tmp_path, vocabulary, "bert", rows, form="static")


def test_missing_records_are_named(tmp_path: Path) -> None:
    records = RecordsSettings(layout="bert", train=f"{tmp_path}/a*", eval=f"{tmp_path}/b*")
    with pytest.raises(InputError, match=r"import_from.train: no file matches .*/a\*\."):
        records_digest(records)


def test_training_records_cannot_be_held_out(tmp_path: Path) -> None:
    (tmp_path / "a1").touch()
    records = RecordsSettings(layout="bert", train=f"{tmp_path}/a*", eval=f"{tmp_path}/*1")
    with pytest.raises(InputError, match=r"/a1 is in both train and eval"):
        records_digest(records)


def test_the_digest_depends_on_content_only(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    records = RecordsSettings(layout="bert", train=f"{tmp_path}/a", eval=f"{tmp_path}/b")
    before = records_digest(records)
    assert records_digest(records) == before
    (tmp_path / "a").write_bytes(b"3")
    assert records_digest(records) != before
