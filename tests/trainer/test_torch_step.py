"""A training step of each type is PyTorch's on the same batch: losses, clipping, every weight."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from core.draw import draw_seed
from tests.trainer.conftest import settings_in
from tests.trainer.training_tools import first_batch, make_replica_step
from tests.transformers_scripts import run_script
from trainer.export.export import export_model
from trainer.input.instances import open_instances
from trainer.input.parse_records import Batch
from trainer.loop.replicas import Sums
from trainer.loop.state import State
from trainer.models.electra import Electra
from trainer.objectives.choose import choose_objective
from trainer.objectives.replaced_tokens import DRAWS, fill_masks, sample_tokens
from trainer.row_draws import RowDraws
from trainer.settings.training import TrainingSettings

pytestmark = pytest.mark.transformers

SCRIPT = Path(__file__).with_name("torch_step.py")
EXACT = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "initializer_range": 0.1}
MODELS: dict[str, dict[str, object]] = {
    "bert": {"num_layers": 2},
    "albert": {"num_layers": 3, "embedding_size": 16},  # three layers, one set of weights
    "electra": {"num_layers": 2, "embedding_size": 16, "generator_share": 0.5},
}
Arrays = dict[str, np.ndarray]


class Prepared(NamedTuple):
    """A state before its first step, a batch, and the folder with PyTorch's results."""

    replica_step: Callable[[Batch, tf.Tensor], Sums]
    state: State
    batch: Arrays
    scratch: Path


@pytest.fixture(scope="module")
def prepared(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Prepared]:
    """Prepare a step of each kind, and let PyTorch do it."""
    made = {kind: prepare(kind, static_folder, tmp_path_factory.mktemp(kind)) for kind in MODELS}
    words = [word for kind, each in made.items() for word in (kind, str(each.scratch))]
    run_script(SCRIPT, *words)
    return made


def prepare(kind: str, instances: str, scratch: Path) -> Prepared:
    settings = settings_in(scratch, {"type": kind, **EXACT, **MODELS[kind]})
    batch = first_batch(settings, instances)
    replica_step, state = make_replica_step(settings, instances)
    export(settings, instances, state.values(), scratch)
    if kind == "electra":
        batch["filled_ids"] = filled(settings, instances, state.variables, batch)
        assert (batch["filled_ids"] != batch["input_ids"]).any()
    np.savez(scratch / "batch.npz", **batch)
    return Prepared(replica_step, state, batch, scratch)


@pytest.mark.parametrize("kind", MODELS)
def test_a_step_is_that_of_pytorch(kind: str, prepared: dict[str, Prepared]) -> None:
    replica_step, state, batch, scratch = prepared[kind]
    theirs = dict(np.load(scratch / "theirs.npz"))
    given = {name: tf.constant(value) for name, value in batch.items() if name != "filled_ids"}
    sums = tf.function(replica_step, autograph=False)(given, tf.constant(0, tf.int64))
    assert len([name for name in theirs if name.startswith("loss.")]) == 2
    for name in (n.removeprefix("loss.") for n in theirs if n.startswith("loss.")):
        ours = float(sums[name].numerator / sums[name].denominator)
        assert ours == pytest.approx(float(theirs[f"loss.{name}"]), rel=2e-5), name
    norm = float(sums["gradient_norm"].numerator)
    assert norm > 1  # so that clipping counts
    assert norm == pytest.approx(float(theirs["gradient_norm"]), rel=1e-4)
    for name, variable in state.variables.items():
        np.testing.assert_allclose(variable.numpy(), theirs[name], atol=3e-5, err_msg=name)


def export(settings: TrainingSettings, folder: str, values: Arrays, scratch: Path) -> None:
    instances = open_instances(folder)
    model = choose_objective(settings.model, instances).model
    export_model(str(scratch / "model"), model, values, instances, {})


def filled(
    settings: TrainingSettings, folder: str, weights: dict[str, tf.Variable], batch: Arrays
) -> np.ndarray:
    """The ids with the samples of step 0, whose draws are by the row's place in the batch."""
    electra = choose_objective(settings.model, open_instances(folder)).model
    assert isinstance(electra, Electra)
    inputs = batch["input_ids"], batch["input_mask"], batch["segment_ids"]
    positions = tf.constant(batch["masked_lm_positions"])
    scores = electra.predict_tokens(weights, *map(tf.constant, inputs), positions=positions)
    size, slots = positions.shape
    rows = RowDraws(tf.stack([draw_seed(settings.seed, "rows"), 0]), 0, size)
    draws = tf.reshape(rows.integers(size, slots * 2, DRAWS), [-1, 2])
    sampled = sample_tokens(scores, 1.0, draws)
    masked = batch["masked_lm_ids"], batch["masked_lm_weights"]
    return fill_masks(tf.constant(batch["input_ids"]), positions, *masked, sampled)[0].numpy()
