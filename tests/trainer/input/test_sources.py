"""The held-out loss of each source of the text, and its share of the batches."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from core.manifest import describe_file, read_manifest, write_manifest
from tests.trainer.conftest import MakeSettings
from tests.trainer.training_tools import one_cpu, two_cpus
from trainer.evaluation import EVALUATION_MASKING, Evaluation, measure, unigram_losses
from trainer.input.batches import evaluation_batches
from trainer.input.instances import (
    Instances,
    InstancesError,
    open_instances,
    read_token_counts,
)
from trainer.loop.held_out import HeldOut
from trainer.loop.state import start_state
from trainer.objectives.choose import choose_objective
from trainer.report.figures import compute_figures, sum_figures

NAMES = ["books", "none", "web"]
IDS = np.tile([0, 2, 2], 8).astype(np.uint16)  # of 24 held-out instances


@pytest.fixture
def instances(static_folder: str, tmp_path: Path) -> Instances:
    """The instances of every test, as if they were from three sources."""
    folder = tmp_path / "instances"
    shutil.copytree(static_folder, folder)
    manifest = read_manifest(str(folder))
    manifest.facts["sources"] = [*NAMES]
    sizes = {"instances": 96, "instances_of_books": 72, "instances_of_none": 0}
    manifest.counts["train"] = {**sizes, "instances_of_web": 24}
    np.save(folder / "eval_source_ids.npy", IDS)
    manifest.files.append(describe_file(str(folder), "eval_source_ids.npy"))
    write_manifest(str(folder), manifest)
    return open_instances(str(folder))


@pytest.mark.parametrize("kind", ["bert", "electra"])
def test_the_loss_of_a_source_is_that_of_its_instances(
    kind: str, instances: Instances, make_settings: MakeSettings
) -> None:
    settings = make_settings({"type": kind})
    objective = choose_objective(settings.model, instances)
    variables = start_state(settings, objective).variables
    unigram = unigram_losses(read_token_counts(instances))

    def evaluated(source: int | None, size: int) -> Evaluation:
        batches = evaluation_batches(instances, "eval", EVALUATION_MASKING, batch_size=size, seed=1)
        names = instances.sources("eval") if source is None else []
        chosen = (
            batch
            if source is None
            else {name: x[batch["source_ids"] == source] for name, x in batch.items()}
            for batch in batches
        )
        return measure(objective, variables, chosen, unigram, 1, names)

    metrics = evaluated(None, 7).metrics()
    for number, name in ((0, "books"), (2, "web")):
        alone = evaluated(number, 24)
        assert metrics[f"masked_lm_loss_of_{name}"] == pytest.approx(alone.masked_lm_loss, rel=1e-5)
        assert metrics[f"unigram_loss_of_{name}"] == pytest.approx(alone.unigram_loss, rel=1e-5)
    assert metrics["masked_lm_loss_of_books"] != metrics["masked_lm_loss_of_web"]
    assert not [name for name in metrics if name.endswith("_of_none")]


@pytest.mark.parametrize("replicas", [1, 2])
def test_training_measures_the_loss_of_each_source(
    replicas: int, instances: Instances, make_settings: MakeSettings
) -> None:
    strategy = one_cpu() if replicas == 1 else two_cpus()
    settings = make_settings()
    objective = choose_objective(settings.model, instances)
    with strategy.scope():
        variables = start_state(settings, objective).variables
    held_out = HeldOut(
        strategy, objective, variables, instances, batch_size=8, max_instances=24, seed=1
    )
    means = held_out()
    batches = evaluation_batches(instances, "eval", EVALUATION_MASKING, batch_size=24, seed=1)
    (batch,) = batches
    for number, name in ((0, "books"), (2, "web")):
        rows = {key: values[batch["source_ids"] == number] for key, values in batch.items()}
        unigram = np.zeros(instances.vocabulary.size, np.float32)
        alone = measure(objective, variables, [rows], unigram, 1)
        assert means[f"masked_lm_loss_of_{name}"] == pytest.approx(alone.masked_lm_loss, rel=1e-5)
    assert "masked_lm_loss_of_none" not in means


def test_sources_have_shares_of_the_batches_of_all_phases(
    instances: Instances, make_settings: MakeSettings
) -> None:
    objective = choose_objective(make_settings().model, instances)
    first = compute_figures(objective, instances, batch_size=16, steps=30)
    instances.manifest.counts["train"]["instances_of_books"] = 24
    instances.manifest.counts["train"]["instances_of_web"] = 72
    second = compute_figures(objective, instances, batch_size=16, steps=10)
    total = sum_figures([first, second])
    assert total.source_shares() == {"books": 0.625, "none": 0.0, "web": 0.375}
    assert total.lines()[-1] == "Sources of the batches: books 62.5 %, none 0.0 %, web 37.5 %"


def test_one_source_has_neither_losses_nor_shares(
    static_folder: str, make_settings: MakeSettings
) -> None:
    instances = open_instances(static_folder)
    objective = choose_objective(make_settings().model, instances)
    figures = compute_figures(objective, instances, batch_size=16, steps=30)
    assert (figures.source_shares(), figures.instances_of_sources) == ({}, {})
    assert instances.sources("eval") == []
    (batch,) = evaluation_batches(instances, "eval", EVALUATION_MASKING, batch_size=24, seed=1)
    assert "source_ids" not in batch


def test_source_ids_of_other_instances_are_refused(instances: Instances) -> None:
    np.save(Path(instances.folder, "eval_source_ids.npy"), IDS[1:])
    with pytest.raises(InstancesError, match="source of each of the 24 instances"):
        evaluation_batches(instances, "eval", EVALUATION_MASKING, batch_size=8, seed=1)


def test_batches_of_the_train_split_have_no_source_ids(instances: Instances) -> None:
    data = evaluation_batches(instances, "train", EVALUATION_MASKING, batch_size=8, seed=1)
    assert "source_ids" not in data.element_spec
    held_out = evaluation_batches(
        instances, "eval", EVALUATION_MASKING, batch_size=5, seed=1, drop_remainder=True
    )
    assert held_out.element_spec["source_ids"] == tf.TensorSpec([5], tf.int32)
