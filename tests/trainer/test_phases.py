"""A run in two phases has one schedule, one set of checkpoints and one set of best weights."""

import functools
import json
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from core.draw import draw_seed
from core.errors import InputError, TextmillError
from core.manifest import read_manifest
from tests.forked_runs import Running, Start
from tests.trainer.conftest import MakeSettings, settings_in
from tests.trainer.real_instances import write_instances
from trainer.huggingface.read import read_model
from trainer.input.batches import training_batches
from trainer.input.instances import open_instances
from trainer.loop.best_weights import BestWeights
from trainer.loop.phases import plan_phases
from trainer.objectives.choose import choose_objective
from trainer.settings.masking import MaskingSettings, RateSchedule
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings, TrainingSettings
from trainer.training import train_and_export

WEIGHTS = "transformers/model.safetensors"
SHORT, LONG = 32, 64
RUN = {
    "steps": 24,
    "phases": ({"from_step": 14, "seq_length": LONG, "global_batch_size": 4},),
    "save_every_steps": 5,
    "log_every_steps": 4,
    "evaluate_every_steps": 4,
    "export": "best",
    "keep_checkpoints": 10,
}
POSITIONS = "bert.embeddings.position_embeddings.weight"


def main(settings: str, short: str, long: str, scratch: str) -> None:
    """Run one training in a process of its own."""
    parsed = TrainingSettings.model_validate_json(settings)
    train_and_export(parsed, [short, long], f"{scratch}/model", f"{scratch}/run")


@pytest.fixture(scope="module")
def folders(dynamic_folder: str, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Instances of both lengths."""
    long = write_instances(tmp_path_factory.mktemp("long"), "dynamic", length=LONG, instances=40)
    return [dynamic_folder, long]


@pytest.fixture(scope="module")
def undisturbed(folders: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the run without interruption."""
    scratch = tmp_path_factory.mktemp("undisturbed")
    settings = settings_in(scratch, **RUN)
    train_and_export(settings, folders, str(scratch / "model"), str(scratch / "run"))
    return scratch


@pytest.mark.parametrize("order", ["train-steps:3:INT", "train-steps:9:KILL"])
def test_a_run_stopped_in_either_phase_ends_like_an_undisturbed_one(
    order: str,
    folders: list[str],
    undisturbed: Path,
    make_settings: MakeSettings,
    tmp_path: Path,
) -> None:
    settings = make_settings(**RUN)
    words = (settings.model_dump_json(), *folders, str(tmp_path))
    start = Start(words, function=main, failpoint=order, flag=str(tmp_path / "flag"))
    stopped = Running(start).wait()
    sent = signal.Signals[f"SIG{order.rpartition(':')[2]}"]
    expected = 128 + sent if sent == signal.SIGINT else -sent
    assert stopped.code == expected, stopped.output[-2000:]
    train_and_export(settings, folders, str(tmp_path / "model"), str(tmp_path / "run"))
    for name in (WEIGHTS, "saved_model.pb"):
        ours, theirs = tmp_path / "model" / name, undisturbed / "model" / name
        assert ours.read_bytes() == theirs.read_bytes(), name


@pytest.mark.parametrize(
    ("buckets", "step", "description"),
    [
        ([], 16, r"batch 1 of 1 made of the records at positions 8 to 11 "),
        ([16], 16, r"batch 3 of 1024 made of the records at positions 0 to 4095 "),
        ([16], 14 + 1024, r"batch 1 of 1024 made of the records at positions 4096 to 8191 "),
    ],
)
def test_a_phase_describes_the_records_of_a_step(
    buckets: list[int], step: int, description: str, folders: list[str], make_settings: MakeSettings
) -> None:
    settings = make_settings(**{**RUN, "steps": 2000, "length_buckets": buckets}).trainer
    phase = plan_phases(settings, [open_instances(folder) for folder in folders])[1]
    assert phase.describe_batch(step).startswith(description)


def test_the_best_weights_of_the_last_phase_are_exported(undisturbed: Path) -> None:
    history = json.loads((undisturbed / "run" / "training.json").read_text())
    measured = {entry["step"]: entry["held_out_masked_lm_loss"] for entry in history["held_out"]}
    assert list(measured) == [4, 8, 12, 16, 20, 24]
    facts = read_manifest(str(undisturbed / "model")).facts
    last_phase = {step: loss for step, loss in measured.items() if step > 14}
    best = min(last_phase, key=last_phase.__getitem__)
    assert (facts["exported_step"], facts["held_out_loss"]) == (best, last_phase[best])
    assert facts["seq_length"] == LONG


def test_long_positions_are_learned_in_the_second_phase(undisturbed: Path) -> None:
    """In the first they have no gradient."""
    border = next(undisturbed.glob("checkpoints/*/step-000000014.safetensors"))
    state = safetensors.numpy.load_file(border)
    halfway, moments = state[POSITIONS], state[f"first_moment/{POSITIONS}"]
    end = read_model(str(undisturbed / "model"))[1][POSITIONS]
    assert not moments[SHORT:].any()
    assert moments[:16].any(axis=1).all()  # the last ones are padding in most instances
    change = np.abs(end - halfway).max(axis=1)
    assert (change[SHORT : SHORT + 8] > 1e-3).all()


def test_phases_have_their_own_batches_and_continue_the_schedule(folders: list[str]) -> None:
    instances = [open_instances(folder) for folder in folders]
    settings = TrainerSettings(**{**RUN, "warmup_steps": 4, "learning_rate": 1.0})
    first, second = plan_phases(settings, instances)
    assert (first.first_step, first.end_step) == (0, 14)
    assert (second.first_step, second.end_step) == (14, 24)
    assert second.settings.global_batch_size == 4
    rates = [float(p.learning_rate(tf.constant(14, tf.int64))) for p in (first, second)]
    assert rates == pytest.approx([1 - 14 / 24] * 2)


def test_each_phase_has_batches_in_an_order_of_its_own(folders: list[str]) -> None:
    """The first one's are those of a run without phases."""
    instances = [open_instances(folder) for folder in folders]
    settings = TrainerSettings(**{**RUN, "global_batch_size": 8, "length_buckets": [16]})
    phases = plan_phases(settings, instances)
    masking = MaskingSettings(schedule=RateSchedule(end_rate=0.02, steps=20))
    read = functools.partial(
        training_batches, masking=masking, length_buckets=[16], rows=slice(0, 2)
    )
    first = read(instances[0], batch_size=8, seed=3, first_step=5)
    own_seed = draw_seed(3, "phase", 2)
    second = read(instances[1], batch_size=4, seed=own_seed, first_step=2, steps_before=14)
    for phase, step, expected in ((phases[0], 5, first), (phases[1], 16, second)):
        actual = next(iter(phase.batches(masking, slice(0, 2), seed=3, step=step)))
        for name, values in next(iter(expected)).items():
            np.testing.assert_array_equal(actual[name], values, name)


def test_a_phase_knows_its_costs_and_whether_its_batches_are_too_large(folders: list[str]) -> None:
    instances = [open_instances(folder) for folder in folders]
    phase = {"from_step": 14, "seq_length": LONG, "global_batch_size": 64}
    settings = TrainerSettings(**{**RUN, "global_batch_size": 8, "phases": (phase,)})
    first, second = plan_phases(settings, instances)
    objective = choose_objective(ModelSettings(num_layers=1, hidden_size=32), instances[1])
    figures = second.figures(objective)
    assert figures.tokens_in_all == (24 - 14) * figures.tokens_per_step == 10 * 64 * LONG
    assert figures.epochs == 10 * 64 / instances[1].size("train")
    assert first.explain_large_batch() is None
    assert "is 64, but the text makes only" in str(second.explain_large_batch())


def test_a_phase_can_have_a_schedule_of_its_own(folders: list[str]) -> None:
    """As is usual with LAMB: the rate rises and falls in each phase."""
    instances = [open_instances(folder) for folder in folders]
    phase = {"from_step": 14, "seq_length": LONG, "learning_rate": 0.5, "warmup_steps": 2}
    settings = TrainerSettings(
        **{**RUN, "phases": (phase,), "warmup_steps": 4, "learning_rate": 1.0}
    )
    first, second = plan_phases(settings, instances)
    steps = [tf.constant(n, tf.int64) for n in (7, 14, 15, 19)]
    assert float(first.learning_rate(steps[0])) == pytest.approx(0.5)
    rates = [float(second.learning_rate(step)) for step in steps[1:]]
    assert rates == pytest.approx([0.25, 0.5, 0.25])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phases": ({"from_step": 30, "seq_length": LONG},)}, r"steps \[30\] of 24"),
        (
            {"phases": ({"from_step": 9, "seq_length": 64, "warmup_steps": 2},)},
            "needs learning_rate",
        ),
        ({"evaluate_every_steps": None}, r"export is best.*evaluate_every_steps"),
    ],
)
def test_phases_that_do_not_fit_are_rejected(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainerSettings.model_validate({**RUN, "warmup_steps": 2, **changes})


def test_instances_of_another_length_or_number_are_rejected(folders: list[str]) -> None:
    instances = [open_instances(folder) for folder in folders]
    settings = TrainerSettings(**RUN)
    with pytest.raises(InputError, match=r"2 phases.* 1 sets of instances"):
        plan_phases(settings, instances[:1])
    with pytest.raises(InputError, match=r"phase 2 have seq_length 32 instead of 64"):
        plan_phases(settings, [instances[0]] * 2)
    other = replace(
        instances[1], objective="sentence_order", vocabulary=SimpleNamespace(digest="f" * 64)
    )
    with pytest.raises(InputError) as refused:
        plan_phases(settings, [instances[0], other])
    assert str(refused.value) == (
        f"{folders[1]}: the instances of phase 2 have vocabulary ffffffffffff instead of "
        f"{instances[0].vocabulary.digest[:12]}, objective sentence_order instead of "
        f"{instances[0].objective}. Run InstanceGen again with the recipe's settings."
    )


def test_the_best_weights_do_not_depend_on_those_that_a_killed_run_kept(tmp_path: Path) -> None:
    weight = tf.Variable([0.0])
    losses = {4: 3.0, 8: 2.0, 12: 2.5, 16: 2.0}
    best = BestWeights(str(tmp_path), {"w": weight})
    for step, loss in losses.items():
        weight.assign([float(step)])
        assert best.offer(step, 1, loss) == (step in (4, 8))
    again = BestWeights(str(tmp_path), {"w": weight})  # a killed run, resumed from step 4
    for step in (8, 12, 16):
        weight.assign([float(step)])
        assert not again.offer(step, 1, losses[step])
    kept, values = again.read()
    assert (kept.step, kept.loss, values["w"].tolist()) == (8, 2.0, [8.0])
    assert again.offer(20, 2, 9.0)  # a later phase counts, with any loss
    assert not again.offer(24, 2, float("nan"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best-000000020.json",
        "best-000000020.safetensors",
    ]
    next(tmp_path.glob("*.safetensors")).write_bytes(b"altered")
    with pytest.raises(TextmillError, match="holds no best weights"):
        BestWeights(str(tmp_path), {"w": weight}).read()
