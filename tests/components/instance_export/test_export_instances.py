"""Exported records are readable with the feature lists of the target systems."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.instance_export.export_instances import export_shard, plan_units, publish_records
from components.settings import ExportSettings
from core.manifest import Manifest, read_manifest, verify_shards
from tests.components.instance_export.folders import LENGTH, SLOTS, write_instances
from trainer.input.instances import open_instances

MASKS = {
    "masked_lm_positions": tf.io.FixedLenFeature([SLOTS], tf.int64),
    "masked_lm_ids": tf.io.FixedLenFeature([SLOTS], tf.int64),
    "masked_lm_weights": tf.io.FixedLenFeature([SLOTS], tf.float32),
}
TOKENS = tf.io.FixedLenFeature([LENGTH], tf.int64)
NEXT = {"next_sentence_labels": tf.io.FixedLenFeature([1], tf.int64)}
THREE = {"input_ids": TOKENS, "input_mask": TOKENS, "segment_ids": TOKENS}
FEATURES: dict[str, dict[str, Any]] = {
    # google-research/bert, run_pretraining.py, input_fn_builder
    "bert": {**THREE, **MASKS, **NEXT},
    # tensorflow/models, official/nlp/data/pretrain_dataloader.py with use_v2_feature_names
    "model_garden": {
        "input_word_ids": TOKENS,
        "input_mask": TOKENS,
        "input_type_ids": TOKENS,
        **MASKS,
        **NEXT,
    },
    # google-research/albert, run_pretraining.py, with token_boundary
    "albert": {**THREE, "token_boundary": TOKENS, **MASKS, **NEXT},
    # google-research/electra, pretrain/pretrain_data.py, get_input_fn
    "electra": THREE,
    # the pre-training loader of the article
    "origin": {
        "input_ids": TOKENS,
        "attention_mask": tf.io.FixedLenFeature([LENGTH], tf.float32),
        "segment_ids": TOKENS,
        "label": tf.io.FixedLenFeature([], tf.int64),
    },
}
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module", params=["static", "dynamic"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_instances(tmp_path_factory.mktemp("x"), request.param, "next_sentence")


@pytest.fixture(scope="module")
def unmasked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_instances(tmp_path_factory.mktemp("y"), "dynamic", "sentence_order")


def export(source: Path, target: Path, **settings: Any) -> Manifest:
    chosen, instances = ExportSettings(**settings), open_instances(str(source))
    units = plan_units(instances)
    results = [export_shard(str(source), str(target), chosen, unit) for unit in units]
    return publish_records(instances, str(target), chosen, units, results, "code")


def parse(folder: Path, manifest: Manifest, features: dict[str, Any], split: str) -> Arrays:
    """Return every record of a split; a feature missing from the list is an error."""
    records = []
    for shard in manifest.shards[split]:
        kind = "GZIP" if shard.path.endswith(".gz") else ""
        dataset = tf.data.TFRecordDataset(str(folder / shard.path), kind).as_numpy_iterator()
        records += list(dataset)
    names = set(tf.train.Example.FromString(records[0]).features.feature)
    assert names == set(features)
    return {k: v.numpy() for k, v in tf.io.parse_example(records, features).items()}


@pytest.mark.parametrize("layout", FEATURES)
def test_the_target_system_can_read_every_record(source: Path, tmp_path: Path, layout: str) -> None:
    manifest = export(source, tmp_path, layout=layout)
    assert read_manifest(str(tmp_path)) == manifest
    verify_shards(str(tmp_path), manifest)
    original = read_manifest(str(source))
    for split in ("train", "eval"):
        parsed = parse(tmp_path, manifest, FEATURES[layout], split)
        number = len(next(iter(parsed.values())))
        assert number == manifest.counts[split]["instances"]
        assert number == original.counts[split]["instances"]
    assert set(manifest.facts["features"]) == set(FEATURES[layout])  # type: ignore[arg-type]


def test_all_layouts_hold_the_same_text(source: Path, tmp_path: Path) -> None:
    texts = []
    for layout, features in FEATURES.items():
        manifest = export(source, tmp_path / layout, layout=layout)
        parsed = parse(tmp_path / layout, manifest, features, "train")
        ids = parsed.get("input_ids", parsed.get("input_word_ids"))
        assert ids is not None
        if "masked_lm_ids" in parsed:
            ids = ids.copy()
            row, slot = np.nonzero(parsed["masked_lm_weights"])
            ids[row, parsed["masked_lm_positions"][row, slot]] = parsed["masked_lm_ids"][row, slot]
        texts.append(ids)
    for text in texts[1:]:
        np.testing.assert_array_equal(text, texts[0])


def test_masks_are_kept_or_drawn_at_the_rate_of_the_recipe(source: Path, tmp_path: Path) -> None:
    manifest = export(source, tmp_path, layout="bert")
    parsed = parse(tmp_path, manifest, FEATURES["bert"], "train")
    masked = parsed["masked_lm_weights"].sum()
    assert masked == manifest.counts["train"]["masked_tokens"]
    assert masked / parsed["input_mask"].sum() == pytest.approx(0.15, abs=0.01)
    mask_id = open_instances(str(source)).vocabulary.mask_id
    row, slot = np.nonzero(parsed["masked_lm_weights"])
    at = parsed["input_ids"][row, parsed["masked_lm_positions"][row, slot]]
    assert (at == mask_id).mean() == pytest.approx(0.8, abs=0.05)
    assert not (parsed["input_ids"][parsed["masked_lm_weights"].sum(1) == 0] == mask_id).any()


def test_a_static_export_to_berts_layout_changes_no_record(tmp_path: Path) -> None:
    source = write_instances(tmp_path / "s", "static", "next_sentence")
    ours = parse(source, read_manifest(str(source)), FEATURES["bert"], "train")
    manifest = export(source, tmp_path / "bert", layout="bert")
    theirs = parse(tmp_path / "bert", manifest, FEATURES["bert"], "train")
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name])


def test_word_boundaries_are_those_of_the_pieces(source: Path, tmp_path: Path) -> None:
    manifest = export(source, tmp_path, layout="albert")
    parsed = parse(tmp_path, manifest, FEATURES["albert"], "train")
    bert = export(source, tmp_path / "e", layout="electra")
    ids = parse(tmp_path / "e", bert, FEATURES["electra"], "train")["input_ids"]
    tokens = np.array(open_instances(str(source)).vocabulary.tokens)
    starts = parsed["token_boundary"].astype(bool)
    assert not starts[parsed["input_mask"] == 0].any()
    at_end = np.isin(tokens[ids[:, :-1]], ["[CLS]", "[SEP]"])
    inner = np.char.startswith(tokens[ids], "##")
    inner[:, 1:] &= ~at_end
    np.testing.assert_array_equal(starts, ~inner & (parsed["input_mask"] == 1))


def test_the_label_of_sentence_order_keeps_its_number(unmasked: Path, tmp_path: Path) -> None:
    manifest = export(unmasked, tmp_path, layout="albert")
    labels = parse(tmp_path, manifest, FEATURES["albert"], "train")["next_sentence_labels"]
    assert labels.sum() == read_manifest(str(unmasked)).counts["train"]["swapped"] > 0
    assert manifest.facts["objective"] == "sentence_order"


def test_the_same_instances_give_the_same_bytes(unmasked: Path, tmp_path: Path) -> None:
    first = export(unmasked, tmp_path / "a", layout="bert")
    assert export(unmasked, tmp_path / "b", layout="bert") == first


def test_files_have_electras_names_and_are_gzipped_on_request(
    unmasked: Path, tmp_path: Path
) -> None:
    manifest = export(unmasked, tmp_path / "a", layout="electra")
    assert [shard.path for shard in manifest.shards["train"]] == [
        "Split-train/pretrain_data.tfrecord-0-of-2",
        "Split-train/pretrain_data.tfrecord-1-of-2",
    ]
    packed = export(unmasked, tmp_path / "b", layout="origin", compress=True)
    assert packed.shards["eval"][0].path == "Split-eval/instances-00000-of-00001.tfrecord.gz"
    assert len(parse(tmp_path / "b", packed, FEATURES["origin"], "eval")["label"]) > 0
