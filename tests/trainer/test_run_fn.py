"""TFX's door: one call trains, exports, and says what it did."""

import json
import math
import types
from pathlib import Path

import pytest
import tensorflow as tf

from core.errors import InputError
from core.manifest import MANIFEST, read_manifest, verify_shards
from tests.trainer.conftest import MakeSettings, settings_in
from trainer.evaluation import evaluate
from trainer.input.instances import InstancesError
from trainer.loop.loop import DivergedError
from trainer.run_fn import run_fn
from trainer.settings.training import TrainingSettings
from trainer.training import train_and_export


def call(settings: TrainingSettings, folder: str, scratch: Path) -> types.SimpleNamespace:
    """Calls run_fn as TFX does."""
    fn_args = types.SimpleNamespace(
        custom_config={"training": settings.model_dump_json()},
        train_files=[f"{folder}/Split-train/*"],
        eval_files=[f"{folder}/Split-eval/*"],
        serving_model_dir=str(scratch / "Format-Serving"),
        model_run_dir=str(scratch / "run"),
        base_model=None,
    )
    run_fn(fn_args)
    return fn_args


@pytest.fixture(scope="module")
def trained(dynamic_folder: str, tmp_path_factory: pytest.TempPathFactory) -> types.SimpleNamespace:
    """A model that trained until it had learned something."""
    scratch = tmp_path_factory.mktemp("trained")
    model = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "initializer_range": 0.12}
    settings = settings_in(
        scratch, model, steps=900, global_batch_size=16, log_every_steps=150, warmup_steps=20
    )
    return call(settings, dynamic_folder, scratch)


def test_training_on_real_text_beats_counting_tokens(
    trained: types.SimpleNamespace, dynamic_folder: str
) -> None:
    learned = evaluate(trained.serving_model_dir, dynamic_folder, "train", 32, seed=1)
    assert learned.masked_lm_loss < learned.unigram_loss - 0.4
    assert learned.metrics()["next_sentence_accuracy"] > 0.9


def test_evaluation_does_not_depend_on_the_batch_size(
    trained: types.SimpleNamespace, static_folder: str
) -> None:
    """On static instances: those bring their masks with them."""
    one = evaluate(trained.serving_model_dir, static_folder, "eval", 24, seed=1)
    other = evaluate(trained.serving_model_dir, static_folder, "eval", 7, seed=1)
    assert one.masked_lm_loss == pytest.approx(other.masked_lm_loss, rel=1e-5)
    assert one.unigram_loss == pytest.approx(other.unigram_loss, rel=1e-5)
    assert one.masked_lm_perplexity == pytest.approx(math.exp(one.masked_lm_loss))
    assert (one.instances, one.others["random_next_share"]) == (24, 0.5)


def test_the_manifest_covers_every_file_and_says_what_was_done(
    trained: types.SimpleNamespace,
) -> None:
    folder = trained.serving_model_dir
    manifest = read_manifest(folder)
    verify_shards(folder, manifest)
    files = {str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file()}
    assert {shard.path for shard in manifest.shards["all"]} == files - {MANIFEST}
    assert manifest.facts["steps"] == 900
    assert manifest.facts["tokens_seen"] == 900 * 16 * 32
    assert manifest.facts["seed"] == 11


def test_training_json_and_tensorboard_hold_the_history(trained: types.SimpleNamespace) -> None:
    content = json.loads((Path(trained.model_run_dir) / "training.json").read_text())
    assert [entry["step"] for entry in content["history"]] == [150, 300, 450, 600, 750, 900]
    assert content["history"][-1]["loss"] < content["history"][0]["loss"]
    assert content["figures"]["expected_first_loss"] == pytest.approx(math.log(800) + math.log(2))
    assert content["tokens_per_second"] > 0
    (events,) = Path(trained.model_run_dir).glob("events.out.tfevents.*")
    tags = {
        v.tag for e in tf.compat.v1.train.summary_iterator(str(events)) for v in e.summary.value
    }
    losses = {"loss", "masked_lm_loss", "next_sentence_loss"}
    accuracies = {"masked_lm_accuracy", "next_sentence_accuracy"}
    rates = {"gradient_norm", "learning_rate", "tokens_per_second", "share_of_peak"}
    assert losses | accuracies | rates <= tags
    assert 0 < content["history"][-1]["share_of_peak"] < 1.5
    assert content["peak_flops_per_second"] > 1e9


def test_evaluation_loss_of_the_saved_model_is_that_of_the_evaluation(
    trained: types.SimpleNamespace, static_folder: str
) -> None:
    from trainer.input.batches import evaluation_batches
    from trainer.input.instances import open_instances
    from trainer.settings.masking import MaskingSettings

    signature = tf.saved_model.load(trained.serving_model_dir).signatures["evaluation_loss"]
    (batch,) = evaluation_batches(
        open_instances(static_folder), "eval", MaskingSettings(), batch_size=24, seed=1
    )
    outputs = {name: value.numpy().sum() for name, value in signature(**batch).items()}
    expected = evaluate(trained.serving_model_dir, static_folder, "eval", 24, seed=1)
    loss = outputs["masked_lm_loss"] / outputs["masked_tokens"]
    assert loss == pytest.approx(expected.masked_lm_loss, rel=1e-5)
    assert outputs["next_sentence_loss"] / 24 == pytest.approx(
        expected.others["next_sentence_loss"], rel=1e-5
    )


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(
    static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(steps=20, save_every_steps=1)
    diverging = settings.trainer.model_copy(update={"learning_rate": 1e30})  # past its bound
    settings = settings.model_copy(update={"trainer": diverging})
    with pytest.raises(DivergedError, match=r"Step \d+: .*positions \d+ to \d+"):
        train_and_export(settings, [static_folder], str(tmp_path / "model"), str(tmp_path / "run"))
    assert not (tmp_path / "model").exists()


def test_static_masks_of_other_settings_are_refused_before_training(
    static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings()
    masking = settings.masking.model_copy(update={"rate": 0.3})
    with pytest.raises(InstancesError, match="masks were written with"):
        call(settings.model_copy(update={"masking": masking}), static_folder, tmp_path)


def test_instances_longer_than_the_model_are_refused_before_training(
    static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    with pytest.raises(InstancesError, match=r"32 tokens.*16 positions.*max_position"):
        call(make_settings({"max_position": 16}), static_folder, tmp_path)


def test_a_damaged_shard_is_found_before_training(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    from tests.trainer.real_instances import write_instances

    folder = Path(write_instances(tmp_path / "instances", instances=8, shards=1))
    shard = next(folder.glob("Split-train/*"))
    shard.write_bytes(shard.read_bytes()[:-3])
    with pytest.raises(InputError, match="sha256 differs"):
        call(make_settings(), str(folder), tmp_path)
