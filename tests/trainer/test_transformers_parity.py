"""An exported model is, to `transformers`, the same model."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from core.file_names import TRANSFORMERS_FOLDER
from tests.trainer.conftest import settings_in
from tests.trainer.real_instances import KOREAN, read_documents
from tests.transformers_scripts import run_script
from trainer.export.export import export_model
from trainer.huggingface.config import GENERATOR_FOLDER
from trainer.huggingface.read import read_model
from trainer.input.instances import open_instances
from trainer.models.parameters import first_values
from trainer.objectives.choose import choose_objective

pytestmark = pytest.mark.transformers

SCRIPT = Path(__file__).with_name("transformers_reference.py")
TEXTS = [sentence for document in read_documents()[:4] for sentence in document][:60]
ODD_TEXTS = [
    *KOREAN,
    "Ünïcödé naïve café",
    "漢字かな交じり文です。",
    "a\u200bb\x07c ΑΣ",
    "x" * 101,
    "",
]
MODELS = {
    "bert": {"num_layers": 2},
    "albert": {"num_layers": 3, "embedding_size": 16},
    "electra": {"num_layers": 2, "embedding_size": 16, "generator_share": 0.5},
    "disentangled": {
        "type": "electra",
        "embedding_size": 16,
        "electra": {"embedding_sharing": "disentangled"},
    },
}
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def exported(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each type, with noise on its weights, so that no bias is 0."""
    folders = {}
    for kind, shape in MODELS.items():
        root = tmp_path_factory.mktemp(kind)
        settings = settings_in(root, {"type": kind} | shape)
        instances = open_instances(static_folder)
        model = choose_objective(settings.model, instances).model
        rng = np.random.default_rng(1)
        first = first_values(model.parameters(), deviation=0.05, seed=1)
        values = {n: v + rng.normal(0, 0.05, v.shape).astype(np.float32) for n, v in first.items()}
        export_model(str(root), model, values, instances, {})
        folders[kind] = root
    return folders


def run_transformers(
    jobs: dict[str, Path], inputs: Arrays, scratch: Path
) -> dict[str, tuple[Arrays, dict]]:
    """Outputs and report of `transformers_reference.py` for each class and folder."""
    np.savez(scratch / "inputs.npz", **inputs, texts=np.array([*TEXTS, *ODD_TEXTS]))
    pairs = [argument for name, folder in jobs.items() for argument in (name, str(folder))]
    run_script(SCRIPT, "inputs.npz", *pairs, folder=scratch)
    return {
        name: (
            dict(np.load(scratch / f"{name}.npz")),
            json.loads((scratch / f"{name}.json").read_text(encoding="utf-8")),
        )
        for name in jobs
    }


@pytest.fixture(scope="module")
def theirs(
    exported: dict[str, Path],
    inputs: Arrays,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Arrays, dict]]:
    """What transformers makes of the folders, by class."""
    jobs = {
        "BertForPreTraining": exported["bert"] / TRANSFORMERS_FOLDER,
        "AlbertForPreTraining": exported["albert"] / TRANSFORMERS_FOLDER,
        "ElectraForPreTraining": exported["electra"] / TRANSFORMERS_FOLDER,
        "ElectraForMaskedLM": exported["electra"] / GENERATOR_FOLDER,
        "ElectraForPreTraining:2": exported["disentangled"] / TRANSFORMERS_FOLDER,
        "ElectraForMaskedLM:2": exported["disentangled"] / GENERATOR_FOLDER,
    }
    return run_transformers(jobs, inputs, tmp_path_factory.mktemp("theirs"))


def test_transformers_loads_every_folder_without_a_complaint(
    theirs: dict[str, tuple[Arrays, dict]],
) -> None:
    assert {name: report["complaints"] for name, (_, report) in theirs.items()} == {
        name: {} for name in theirs
    }


@pytest.mark.parametrize(
    ("kind", "class_name", "scores"),
    [
        ("bert", "BertForPreTraining", "prediction_logits"),
        ("albert", "AlbertForPreTraining", "prediction_logits"),
        ("electra", "ElectraForMaskedLM", "logits"),
        ("disentangled", "ElectraForMaskedLM:2", "logits"),
    ],
)
def test_scores_of_masked_tokens_are_theirs(
    kind: str,
    class_name: str,
    scores: str,
    exported: dict[str, Path],
    inputs: Arrays,
    theirs: dict[str, tuple[Arrays, dict]],
) -> None:
    signatures = tf.saved_model.load(str(exported[kind])).signatures
    given = {name: tf.constant(value) for name, value in inputs.items()}
    every_slot = tf.constant(np.tile(np.arange(32, dtype=np.int32), (3, 1)))
    ours = signatures["fill_mask"](**given, masked_lm_positions=every_slot)["scores"].numpy()
    real = inputs["input_mask"][..., None]
    np.testing.assert_allclose(ours * real, theirs[class_name][0][scores] * real, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "class_name"),
    [
        ("bert", "BertForPreTraining"),
        ("albert", "AlbertForPreTraining"),
        ("electra", "ElectraForPreTraining"),
        ("disentangled", "ElectraForPreTraining:2"),
    ],
)
def test_hidden_states_are_theirs(
    kind: str,
    class_name: str,
    exported: dict[str, Path],
    inputs: Arrays,
    theirs: dict[str, tuple[Arrays, dict]],
) -> None:
    signatures = tf.saved_model.load(str(exported[kind])).signatures
    given = {name: tf.constant(value) for name, value in inputs.items()}
    ours = signatures["encode_ids"](**given)["sequence_output"].numpy()
    real = inputs["input_mask"][..., None]
    expected = theirs[class_name][0]["last_hidden_state"]
    np.testing.assert_allclose(ours * real, expected * real, atol=1e-4)


def test_scores_of_pairs_and_replaced_tokens_are_theirs(
    static_folder: str,
    exported: dict[str, Path],
    inputs: Arrays,
    theirs: dict[str, tuple[Arrays, dict]],
) -> None:
    from trainer.models.electra import Electra
    from trainer.models.families import PairModel, build_model

    expected = {
        "bert": theirs["BertForPreTraining"][0]["seq_relationship_logits"],
        "albert": theirs["AlbertForPreTraining"][0]["sop_logits"],
        "electra": theirs["ElectraForPreTraining"][0]["logits"] * inputs["input_mask"],
        "disentangled": theirs["ElectraForPreTraining:2"][0]["logits"] * inputs["input_mask"],
    }
    for kind, folder in exported.items():
        architecture, values = read_model(str(folder))
        weights = {name: tf.constant(value) for name, value in values.items()}
        if architecture.type == "electra":
            electra = Electra(architecture)
            hidden = electra.encode(weights, *inputs.values())
            ours = electra.score_replaced(weights, hidden).numpy() * inputs["input_mask"]
        else:
            model = build_model(architecture)
            assert isinstance(model, PairModel)
            ours = model.score_pairs(weights, model.encode(weights, *inputs.values()))
        np.testing.assert_allclose(ours, expected[kind], atol=1e-4, err_msg=kind)


def test_ids_of_raw_text_are_theirs(
    exported: dict[str, Path], theirs: dict[str, tuple[Arrays, dict]]
) -> None:
    encode = tf.saved_model.load(str(exported["bert"])).signatures["encode"]
    encoded = encode(tf.constant([*TEXTS, *ODD_TEXTS]))
    lengths = encoded["input_mask"].numpy().sum(-1)
    ours = [r[:n].tolist() for r, n in zip(encoded["input_ids"].numpy(), lengths, strict=True)]
    for _, report in theirs.values():
        assert ours == [[*ids[:63], 3] if len(ids) > 64 else ids for ids in report["ids"]]
