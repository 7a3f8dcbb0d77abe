"""Dialogues with four labels and three types of segments: brought in, learnt, exported, gone on.

The records are those of the write-up that Textmill began with; a label says how many turns there
are, a segment whose turn it is.
"""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from components.settings import InstanceSettings
from core.errors import InputError
from core.manifest import read_manifest
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from pipelines.recipe.settings import Recipe
from tests.components.instance_import.test_import_records import run_executor, write_rows
from tests.trainer.conftest import MakeSettings, settings_in
from tests.trainer.real_instances import read_documents, write_vocabulary
from tests.trainer.training_tools import new_state
from trainer.evaluation import evaluate
from trainer.huggingface.read import read_model
from trainer.input.instances import InstancesError, open_instances
from trainer.settings.training import TrainingSettings
from trainer.training import train_and_export

LENGTH, CLASSES, TYPES = 32, 4, 3
EXACT = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "initializer_range": 0.12}
RELATION = {"sequence_classes": CLASSES, "segment_types": TYPES, "objective": "sequence_relation"}


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records in layout `origin`, and the vocabulary of their ids."""
    folder = tmp_path_factory.mktemp("dialogues")
    vocabulary = write_vocabulary(folder / "words")
    rows = [make_row(turns, number, vocabulary) for number, turns in enumerate(read_turns())]
    write_rows(folder / "train.tfrecord", rows[:160])
    write_rows(folder / "eval.tfrecord", rows[160:200])
    return folder


@pytest.fixture(scope="module")
def brought_in(dialogues: Path) -> str:
    """The instances that InstanceImport makes of them."""
    return bring_in(dialogues)


@pytest.fixture(scope="module", params=["bert", "albert"])
def trained(
    request: pytest.FixtureRequest, brought_in: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A model that learnt from them."""
    scratch = tmp_path_factory.mktemp(request.param)
    model = {"type": request.param, "type_vocab_size": TYPES, **EXACT}
    settings = settings_in(scratch, model, steps=160, global_batch_size=16, learning_rate=1e-3)
    train_and_export(settings, [brought_in], str(scratch / "model"), str(scratch / "run"))
    return scratch


def read_turns() -> list[list[str]]:
    """Real sentences as dialogues of one to four turns."""
    sentences = iter(s for d in read_documents() for s in d if 20 < len(s) < 200)
    return [list(itertools.islice(sentences, 1 + n % CLASSES)) for n in range(200)]


def make_row(turns: list[str], number: int, vocabulary: Vocabulary) -> dict[str, list[Any]]:
    """A record: [CLS] turn [SEP] turn [SEP]."""
    encode = vocabulary.tokenizer().encode
    ids, segments = [vocabulary.cls_id], [0]
    for turn, text in enumerate(turns):
        pieces = [*encode(text, add_special_tokens=False).ids[:6], vocabulary.sep_id]
        ids += pieces
        segments += [turn % TYPES] * len(pieces)
    pad = [0] * (LENGTH - len(ids))
    return {
        "input_ids": ids + pad,
        "attention_mask": [1.0] * len(ids) + [0.0] * len(pad),
        "segment_ids": segments + pad,
        "label": [len(turns) - 1],
    }


def bring_in(folder: Path, **changes: Any) -> str:
    records = {name: str(folder / f"{name}.tfrecord") for name in ("train", "eval")}
    settings = InstanceSettings.model_validate(
        {
            "form": "dynamic",
            "seq_length": LENGTH,
            "import_from": {**records, "layout": "origin"},
            **RELATION,
            **changes,
        }
    )
    return str(run_executor(folder, load_vocabulary(str(folder / "words")), settings))


def test_labels_and_segments_arrive_as_they_are_and_are_counted(brought_in: str) -> None:
    instances = open_instances(brought_in)
    assert (instances.sequence_classes, instances.segment_types) == (CLASSES, TYPES)
    counts = read_manifest(brought_in).counts["train"]
    assert [counts[f"sequence_class_{n}"] for n in range(CLASSES)] == [40] * CLASSES
    schema = (Path(brought_in).parent / "schema" / "schema.pbtxt").read_text()
    assert 'name: "sequence_relation_labels"' in schema
    assert schema.count("max: 3\n") == 1  # of the labels


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sequence_classes": 3}, r"a label is 3, and instances\.sequence_classes is 3"),
        ({"segment_types": 2}, r"a segment id is 2, and instances\.segment_types is 2"),
    ],
)
def test_what_is_out_of_range_is_refused_by_its_setting(
    changes: dict[str, int], message: str, dialogues: Path, tmp_path: Path
) -> None:
    for path in dialogues.glob("*.tfrecord"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write_vocabulary(tmp_path / "words")
    with pytest.raises(InputError, match=message):
        bring_in(tmp_path, **changes)


def test_classes_are_learnt_and_each_one_is_measured(trained: Path, brought_in: str) -> None:
    history = json.loads((trained / "run" / "training.json").read_text())
    expected = math.log(800) + math.log(CLASSES)
    assert history["figures"]["expected_first_loss"] == pytest.approx(expected)
    metrics = evaluate(str(trained / "model"), brought_in, "eval", 16, seed=1).metrics()
    assert metrics["sequence_relation_accuracy"] > 0.6
    shares = [metrics[f"sequence_relation_share_{n}"] for n in range(CLASSES)]
    assert shares == pytest.approx([1 / CLASSES] * CLASSES)


def test_an_export_holds_the_head_for_both_readers(trained: Path) -> None:
    folder = trained / "model" / "transformers"
    architecture, values = read_model(str(trained / "model"))
    assert (architecture.sequence_classes, architecture.type_vocab_size) == (CLASSES, TYPES)
    config = json.loads((folder / "config.json").read_text())
    assert len(config["id2label"]) == CLASSES
    heads = {"bert": "cls.seq_relationship", "albert": "sop_classifier.classifier"}
    for part in ("weight", "bias"):
        ours = values[f"{heads[architecture.type]}.{part}"]
        assert len(ours) == CLASSES
        np.testing.assert_array_equal(values[f"classifier.{part}"], ours)
    signature = tf.saved_model.load(str(trained / "model")).signatures["evaluation_loss"]
    assert "sequence_relation_loss" in signature.structured_outputs


@pytest.mark.transformers
def test_transformers_classifies_as_we_do(trained: Path, tmp_path: Path) -> None:
    from tests.trainer.test_transformers_parity import run_transformers
    from trainer.models.families import PairModel, build_model

    rng = np.random.default_rng(0)
    inputs = {
        "input_ids": rng.integers(5, 800, (3, LENGTH)).astype(np.int32),
        "input_mask": np.ones((3, LENGTH), np.int32),
        "segment_ids": rng.integers(0, TYPES, (3, LENGTH)).astype(np.int32),
    }
    architecture, values = read_model(str(trained / "model"))
    name = f"{architecture.type.capitalize()}ForSequenceClassification"
    jobs = {name: trained / "model" / "transformers"}
    theirs, report = run_transformers(jobs, inputs, tmp_path)[name]
    assert not report["complaints"].get("missing_keys")
    model = build_model(architecture)
    assert isinstance(model, PairModel)
    weights = {n: tf.constant(v) for n, v in values.items()}
    hidden = model.encode(weights, *(tf.constant(v) for v in inputs.values()))
    np.testing.assert_allclose(model.score_pairs(weights, hidden), theirs["logits"], atol=1e-4)


def test_a_model_of_pairs_can_be_gone_on_with(
    static_folder: str, brought_in: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    """The head for two classes is initialized randomly; segment types are added."""
    from trainer.export.export import export_model
    from trainer.objectives.choose import choose_objective

    before = make_settings()
    pairs = open_instances(static_folder)
    values = new_state(before, static_folder).values()
    model = choose_objective(before.model, pairs).model
    export_model(str(tmp_path), model, values, pairs, {})
    shape = dict.fromkeys(("num_layers", "hidden_size", "num_heads", "intermediate_size"))
    settings = make_settings({**shape, "start_from": str(tmp_path), "type_vocab_size": TYPES})
    started = new_state(settings, brought_in).values()
    table = "bert.embeddings.token_type_embeddings.weight"
    assert started[table].shape == (TYPES, 32)
    np.testing.assert_array_equal(started[table][:2], values[table])
    assert started["cls.seq_relationship.weight"].shape == (CLASSES, 32)
    kept = safetensors.numpy.load_file(tmp_path / "transformers" / "model.safetensors")
    name = "bert.encoder.layer.0.output.dense.weight"
    np.testing.assert_array_equal(started[name], kept[name])


def test_a_model_with_fewer_types_of_segments_is_refused(
    brought_in: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings: TrainingSettings = make_settings()
    with pytest.raises(InstancesError, match=r"3 types of segments.*model\.type_vocab_size to 3"):
        train_and_export(settings, [brought_in], str(tmp_path / "m"), str(tmp_path / "r"))


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ({"objective": "sequence_relation"}, r"need imported records"),
        ({"segment_types": 3}, r"need imported records"),
        ({"sequence_classes": 3}, r"next_sentence has two labels"),
    ],
)
def test_labels_that_nothing_gives_are_refused(instances: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate(
            {"name": "x", "description": "x", "expected": "x", "instances": instances}
        )
