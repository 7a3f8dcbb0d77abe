"""Models written by `transformers` compute the same here."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.real_instances import write_vocabulary
from tests.trainer.test_transformers_parity import run_transformers
from tests.transformers_scripts import run_script
from trainer.huggingface.read import read_model
from trainer.huggingface.weights import INDEX
from trainer.models.electra import Electra
from trainer.models.families import PairModel, build_model
from trainer.settings.model import ModelSettings
from trainer.warm_start.generator import with_generator

pytestmark = pytest.mark.transformers

SCRIPT = Path(__file__).parents[1] / "make_transformers_models.py"
CLASSES = {
    "bert": "BertForPreTraining",
    "albert": "AlbertForPreTraining",
    "electra": "ElectraForPreTraining",
}
GENERATOR_CLASS = "ElectraForMaskedLM"
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model of each class."""
    root = tmp_path_factory.mktemp("theirs")
    write_vocabulary(root / "words")
    run_script(SCRIPT, str(root), str(root / "words"))
    return root


@pytest.fixture(scope="module")
def theirs(
    folder: Path,
    inputs: Arrays,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Arrays]:
    """Return the outputs of `transformers`, by class."""
    jobs = {name: folder / name for name in (*CLASSES.values(), GENERATOR_CLASS)}
    outputs_by_class = run_transformers(jobs, inputs, tmp_path_factory.mktemp("outputs"))
    return {name: outputs for name, (outputs, _) in outputs_by_class.items()}


def scores(kind: str, folder: Path, inputs: Arrays) -> list[np.ndarray]:
    """Return the scores of each head of our model with weights from `transformers`."""
    start = str(folder / CLASSES[kind])
    settings = ModelSettings(
        type=kind,  # type: ignore[arg-type]
        start_from=start,
        generator_from=str(folder / GENERATOR_CLASS) if kind == "electra" else None,
    )
    architecture, values = read_model(start, settings.generator_from)
    weights = {name: tf.constant(value) for name, value in values.items()}
    if kind == "electra":
        electra = Electra(with_generator(architecture, settings, start))
        assert electra.parameters().keys() <= weights.keys()
        hidden = electra.encode(weights, *inputs.values())
        return [
            electra.predict_tokens(weights, *inputs.values()).numpy(),
            electra.score_replaced(weights, hidden).numpy(),
        ]
    model = build_model(architecture)
    assert isinstance(model, PairModel)
    assert model.parameters().keys() <= weights.keys()
    hidden = model.encode(weights, *inputs.values())
    return [
        model.score_tokens(weights, hidden).numpy(),
        model.score_pairs(weights, hidden).numpy(),
    ]


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        ("bert", [("BertForPreTraining", n) for n in ("prediction", "seq_relationship")]),
        ("albert", [("AlbertForPreTraining", n) for n in ("prediction", "sop")]),
        ("electra", [("ElectraForMaskedLM", ""), ("ElectraForPreTraining", "")]),
    ],
)
def test_our_scores_equal_those_of_transformers(
    kind: str,
    outputs: list[tuple[str, str]],
    folder: Path,
    inputs: Arrays,
    theirs: dict[str, Arrays],
) -> None:
    assert (folder / CLASSES[kind] / INDEX).exists()  # they come in shards
    real = inputs["input_mask"].astype(bool)
    for scored, (name, head) in zip(scores(kind, folder, inputs), outputs, strict=True):
        expected = theirs[name][f"{head}_logits".lstrip("_")]
        ours = scored.reshape(expected.shape)
        judged = real if expected.shape[:2] == real.shape else ...
        np.testing.assert_allclose(
            ours[judged], expected[judged], atol=1e-4, err_msg=f"{name} {head}"
        )
