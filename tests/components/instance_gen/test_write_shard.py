"""Instance shards are readable with BERT's feature list, and their counts are right."""

import dataclasses
import itertools
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.instance_gen.write_shard import write_shard
from components.instance_gen.writing import publish
from components.instance_gen.writing.plan import ShardContext, plan_units
from components.settings import InstanceSettings
from components.text_example_gen.documents import Document
from core.manifest import file_digest, read_manifest
from core.vocabulary.vocabulary import Vocabulary
from tests.components.instance_export.folders import serially
from tests.components.text_example_gen.test_sources import BOOKS, make_settings, put
from tests.components.text_example_gen.test_sources import write as write_sources
from tests.components.text_example_gen.test_write_documents import documents_in
from trainer.input.instances import SOURCE_IDS_FILE
from trainer.settings.masking import MaskingSettings

SEQ_LENGTH, SLOTS = 64, 10
Result = dict[str, Any]

# run_pretraining.py of google-research/bert, `input_fn_builder`.
BERT_FEATURES = {
    "input_ids": tf.io.FixedLenFeature([SEQ_LENGTH], tf.int64),
    "input_mask": tf.io.FixedLenFeature([SEQ_LENGTH], tf.int64),
    "segment_ids": tf.io.FixedLenFeature([SEQ_LENGTH], tf.int64),
    "masked_lm_positions": tf.io.FixedLenFeature([SLOTS], tf.int64),
    "masked_lm_ids": tf.io.FixedLenFeature([SLOTS], tf.int64),
    "masked_lm_weights": tf.io.FixedLenFeature([SLOTS], tf.float32),
    "next_sentence_labels": tf.io.FixedLenFeature([1], tf.int64),
}


def context_of(output: Path, vocabulary: Vocabulary, **settings: Any) -> ShardContext:
    return ShardContext(
        output=str(output),
        scratch=str(output / ".work"),
        vocabulary=vocabulary.folder,
        vocabulary_digest=vocabulary.digest,
        settings=InstanceSettings(seq_length=SEQ_LENGTH, dupe_factor=3, **settings),
        masking=MaskingSettings(),
        max_predictions=SLOTS,
        seed=5,
    )


def units_of(documents: Path, context: ShardContext) -> list[dict[str, Any]]:
    manifest = read_manifest(str(documents))
    return plan_units(str(documents), manifest, ["train", "eval"], context.settings)


def parse(output: Path, result: Result, features: dict[str, Any]) -> dict[str, np.ndarray]:
    path = str(output / result["shard"]["path"])
    records = list(tf.data.TFRecordDataset(path, compression_type="GZIP").as_numpy_iterator())
    assert len(records) == result["shard"]["records"]
    parsed = tf.io.parse_example(records, features)
    return {name: value.numpy() for name, value in parsed.items()}


@pytest.fixture(params=["next_sentence", "sentence_order", "contiguous", "none"])
def static(
    request: pytest.FixtureRequest, tmp_path: Path, documents_folder: Path, vocabulary: Vocabulary
) -> tuple[Result, dict[str, np.ndarray]]:
    context = context_of(tmp_path, vocabulary, objective=request.param)
    result = write_shard(context, units_of(documents_folder, context)[0])
    rows = parse(tmp_path, result, features_of(request.param))
    return result, {name.replace("sentence_order", "next_sentence"): v for name, v in rows.items()}


def features_of(objective: str) -> dict[str, Any]:
    features = dict(BERT_FEATURES)
    if objective == "sentence_order":
        features["sentence_order_labels"] = features.pop("next_sentence_labels")
    return features


def test_the_counts_equal_a_recount(
    static: tuple[Result, dict[str, np.ndarray]], vocabulary: Vocabulary
) -> None:
    result, rows = static
    counts = result["counts"]
    used = rows["masked_lm_weights"] == 1.0
    n = np.arange(len(used))[:, None]
    new, old = rows["input_ids"][n, rows["masked_lm_positions"]], rows["masked_lm_ids"]
    original = rows["input_ids"].copy()
    original[np.nonzero(used)[0], rows["masked_lm_positions"][used]] = old[used]
    recount = {
        "instances": len(used),
        "real_tokens": rows["input_mask"].sum(),
        "padding_tokens": (rows["input_mask"] == 0).sum(),
        "unknown_tokens": (original == vocabulary.unk_id).sum(),
        "masked_tokens": used.sum(),
        "mask_replaced": (new == vocabulary.mask_id)[used].sum(),
        "kept": (new == old)[used].sum(),
        "random_replaced": ((new != old) & (new != vocabulary.mask_id))[used].sum(),
        "unmaskable_instances": (~used).all(axis=1).sum(),
    }
    for name, label in {"random_next": 1, "actual_next": 0, "swapped": 1, "in_order": 0}.items():
        if name in counts:
            recount[name] = (rows["next_sentence_labels"] == label).sum()
    assert {name: counts[name] for name in recount} == recount


def test_the_histograms_equal_a_recount(static: tuple[Result, dict[str, np.ndarray]]) -> None:
    result, rows = static
    used = rows["masked_lm_weights"] == 1.0
    histograms = result["histograms"]
    lengths = rows["input_mask"].sum(axis=1)
    assert histograms["length"] == np.bincount(lengths, minlength=SEQ_LENGTH + 1).tolist()
    positions = np.bincount(rows["masked_lm_positions"][used], minlength=SEQ_LENGTH)
    assert histograms["masked_position"] == positions.tolist()
    per_instance = np.bincount(used.sum(axis=1), minlength=SLOTS + 1)
    assert histograms["masked_per_instance"] == per_instance.tolist()


def test_inputs_have_the_form_of_bert(
    static: tuple[Result, dict[str, np.ndarray]], vocabulary: Vocabulary
) -> None:
    _, rows = static
    lengths = rows["input_mask"].sum(axis=1)
    n = np.arange(len(lengths))
    column = np.arange(SEQ_LENGTH)[None, :]
    assert (rows["input_mask"] == (column < lengths[:, None])).all()
    assert (rows["input_ids"][:, 0] == vocabulary.cls_id).all()
    assert (rows["input_ids"][n, lengths - 1] == vocabulary.sep_id).all()
    assert (rows["input_ids"][rows["input_mask"] == 0] == vocabulary.pad_id).all()
    assert (rows["segment_ids"] <= rows["input_mask"]).all()
    assert (rows["next_sentence_labels"] <= rows["segment_ids"].max(axis=1, keepdims=True)).all()


def test_the_copies_differ(static: tuple[Result, dict[str, np.ndarray]]) -> None:
    _, rows = static
    distinct = {row.tobytes() for row in rows["input_ids"]}
    assert len(distinct) > 0.99 * len(rows["input_ids"])  # inputs of a few tokens may coincide


def test_neighbors_in_a_shard_come_from_anywhere(
    static: tuple[Result, dict[str, np.ndarray]],
) -> None:
    _, rows = static
    ids = [set(row.tolist()) for row in rows["input_ids"][:400]]
    likeness = [len(a & b) / len(a | b) for a, b in itertools.pairwise(ids)]
    apart = [len(a & b) / len(a | b) for a, b in zip(ids, ids[200:], strict=False)]
    assert abs(np.mean(likeness) - np.mean(apart)) < 0.02


@pytest.mark.parametrize("objective", ["next_sentence", "sentence_order", "contiguous", "none"])
def test_dynamic_records_are_unmasked_and_unpadded(
    tmp_path: Path, documents_folder: Path, vocabulary: Vocabulary, objective: str
) -> None:
    context = context_of(tmp_path, vocabulary, objective=objective, form="dynamic")
    result = write_shard(context, units_of(documents_folder, context)[0])
    ragged = {
        name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)
        for name in (
            "input_ids",
            "segment_ids",
            "word_starts",
            "next_sentence_labels",
            "sentence_order_labels",
        )
    }
    rows = parse_ragged(tmp_path, result, ragged)
    counts = result["counts"]
    assert len(rows["input_ids"]) == counts["instances"]
    assert sum(map(len, rows["input_ids"])) == counts["real_tokens"]
    for ids, segments, starts in zip(
        rows["input_ids"], rows["segment_ids"], rows["word_starts"], strict=True
    ):
        assert len(ids) == len(segments) == len(starts) <= SEQ_LENGTH
        assert vocabulary.mask_id not in ids
        is_inner = np.array(starts) == 0
        assert vocabulary.continuation[np.array(ids)[is_inner]].all()
    for label in ("next_sentence", "sentence_order"):
        sizes = {len(values) for values in rows[f"{label}_labels"]}
        assert sizes == ({1} if objective == label else {0})


def parse_ragged(output: Path, result: Result, features: dict[str, Any]) -> dict[str, list[Any]]:
    path = str(output / result["shard"]["path"])
    records = list(tf.data.TFRecordDataset(path, compression_type="GZIP").as_numpy_iterator())
    return {k: v.to_list() for k, v in tf.io.parse_example(records, features).items()}


def test_only_the_train_split_has_copies(
    tmp_path: Path, documents_folder: Path, vocabulary: Vocabulary
) -> None:
    context = context_of(tmp_path, vocabulary)
    train, held_out = (
        units_of(documents_folder, context)[0],
        units_of(documents_folder, context)[-1],
    )
    for unit, copies in ((train, 3), (held_out, 1)):
        counts = write_shard(context, unit)["counts"]
        alone = counts["single_sentence_documents"]
        assert counts["no_pair"] == alone * copies
        assert abs(counts["real_tokens"] / counts["corpus_tokens"] - copies) < 0.5 * copies


def test_bytes_depend_on_neither_order_nor_process(
    tmp_path: Path, documents_folder: Path, vocabulary: Vocabulary
) -> None:
    context = context_of(tmp_path / "here", vocabulary)
    units = units_of(documents_folder, context)
    digests = [write_shard(context, unit)["shard"]["sha256"] for unit in reversed(units)][::-1]
    again = context_of(tmp_path / "there", vocabulary)
    code = (
        "import pickle, sys; from components.instance_gen.write_shard import write_shard\n"
        "context, units = pickle.load(sys.stdin.buffer)\n"
        "[write_shard(context, unit) for unit in units]"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps((again, units)),
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "77", "LC_ALL": "C", "TZ": "Asia/Seoul"},
    )
    for unit, digest in zip(units, digests, strict=True):
        assert file_digest(str(tmp_path / "there" / unit["output"])) == digest


def test_another_seed_gives_other_instances(
    tmp_path: Path, documents_folder: Path, vocabulary: Vocabulary
) -> None:
    context = context_of(tmp_path, vocabulary)
    unit = units_of(documents_folder, context)[0]
    rows = []
    for seed in (1, 2):
        result = write_shard(dataclasses.replace(context, seed=seed), unit)
        rows.append({r.tobytes() for r in parse(tmp_path, result, BERT_FEATURES)["input_ids"]})
    assert len(rows[0] & rows[1]) < 0.01 * len(rows[0])


def test_tokens_are_counted_by_source(tmp_path: Path, vocabulary: Vocabulary) -> None:
    corpus, documents = put(tmp_path / "corpus"), tmp_path / "documents"
    manifest = write_sources(corpus, documents, make_settings({}, {"repeat": 2}))
    context = context_of(tmp_path / "instances", vocabulary)
    units = [unit for unit in units_of(documents, context) if unit["split"] == "train"]
    results = [write_shard(context, unit)["counts"] for unit in units]
    counted = {name: sum(c[f"tokens_of_{name}"] for c in results) for name in ("web", "books")}
    tokenizer = vocabulary.tokenizer()
    expected = {"web": 0, "books": 0}
    books = {d.sentences for d in map(Document, map(tuple, BOOKS))}
    for document in documents_in(documents, manifest, "train"):
        encoded = tokenizer.encode_batch(list(document.sentences), add_special_tokens=False)
        name = "books" if document.sentences in books else "web"
        expected[name] += sum(len(e.ids) for e in encoded)
    assert counted == expected
    assert sum(counted.values()) == sum(c["corpus_tokens"] for c in results)


@pytest.mark.parametrize("objective", ["next_sentence", "contiguous", "none"])
def test_instances_are_counted_by_the_source_in_which_they_begin(
    tmp_path: Path, vocabulary: Vocabulary, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The books have no word in the vocabulary, so the first token shows the source."""
    documents = tmp_path / "documents"
    books = [[sentence for sentence in ("한국어 " * n, "번역 " * 40)] for n in range(9, 99)]
    write_sources(put(tmp_path / "corpus", books=books), documents, make_settings({}, {}))
    context = context_of(tmp_path / "instances", vocabulary, objective=objective)
    units = units_of(documents, context)
    results = [write_shard(context, unit) for unit in units]
    held_out: list[bool] = []
    for unit, result in zip(units, results, strict=True):
        rows = parse(tmp_path / "instances", result, BERT_FEATURES)
        first_is_masked = (rows["masked_lm_positions"] == 1) & (rows["masked_lm_weights"] > 0)
        first = rows["input_ids"][:, 1]
        first[first_is_masked.any(axis=1)] = rows["masked_lm_ids"][first_is_masked]
        is_book = first == vocabulary.unk_id
        assert 0 < is_book.sum() < len(is_book)
        counts = [result["counts"][f"instances_of_{name}"] for name in ("books", "web")]
        assert counts == [is_book.sum(), (~is_book).sum()]
        held_out += (~is_book).tolist() if unit["split"] == "eval" else []
    assert [unit["split"] for unit in units].count("eval") > 1
    monkeypatch.setattr(publish, "ADDED_AT_ONCE", 1)
    manifest = publish.publish_instances(context, ["train", "eval"], units, results, {}, serially)
    ids = np.load(tmp_path / "instances" / SOURCE_IDS_FILE.format(split="eval"))
    assert ids.tolist() == held_out  # books are source 0, and web is 1
    assert "eval_source_ids.npy" in {file.path for file in manifest.files}
