"""A published BERT is the same model here, and learns on."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.conftest import settings_in
from tests.trainer.real_instances import write_instances
from tests.trainer.test_transformers_parity import run_transformers
from tests.trainer.training_tools import new_state, train_some
from trainer.evaluation import EVALUATION_MASKING, Evaluation, measure, unigram_losses
from trainer.huggingface.read import read_model
from trainer.input.batches import evaluation_batches
from trainer.input.instances import open_instances, read_token_counts
from trainer.loop.state import State
from trainer.models.families import build_model
from trainer.objectives.choose import choose_objective
from trainer.settings.training import TrainingSettings

STEPS = 24


@pytest.mark.transformers
def test_hidden_states_are_those_of_transformers(minilm_folder: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = np.ones((3, 32), np.int32)
    mask[1, 20:] = 0
    inputs = {
        "input_ids": rng.integers(1000, 30522, (3, 32)).astype(np.int32),
        "input_mask": mask,
        "segment_ids": np.repeat([[0] * 16 + [1] * 16], 3, 0).astype(np.int32),
    }
    architecture, values = read_model(minilm_folder)
    weights = {name: tf.constant(value) for name, value in values.items()}
    ours = build_model(architecture).encode(weights, *inputs.values()).numpy()
    jobs = {"BertModel": Path(minilm_folder)}
    outputs, report = run_transformers(jobs, inputs, tmp_path)["BertModel"]
    assert report["complaints"] == {}
    real = mask[..., None]
    np.testing.assert_allclose(ours * real, outputs["last_hidden_state"] * real, atol=1e-4)


def test_going_on_with_it_lowers_the_loss_on_held_out_text(
    minilm_folder: str, tmp_path: Path
) -> None:
    """With its own tokenizer, and a head for masked tokens that it has to learn."""
    folder = write_instances(
        tmp_path / "instances", "dynamic", instances=240, import_from=minilm_folder
    )
    shape = dict.fromkeys(("num_layers", "hidden_size", "num_heads", "intermediate_size"))
    settings = settings_in(
        tmp_path,
        {**shape, "max_position": 512, "start_from": minilm_folder},
        steps=STEPS,
        global_batch_size=8,
        learning_rate=2e-3,
    )
    before = held_out(settings, folder, new_state(settings, folder))
    after = held_out(settings, folder, train_some(settings, folder, STEPS)[0])
    assert before.masked_lm_loss > 10  # ln 30,522 is 10.3
    assert after.masked_lm_loss < before.masked_lm_loss - 2.5


def held_out(settings: TrainingSettings, folder: str, state: State) -> Evaluation:
    instances = open_instances(folder)
    objective = choose_objective(settings.model, instances)
    batches = evaluation_batches(instances, "eval", EVALUATION_MASKING, batch_size=30, seed=1)
    unigram = unigram_losses(read_token_counts(instances))
    return measure(objective, state.variables, batches, unigram, 1)
