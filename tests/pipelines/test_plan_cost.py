"""Tests of the cost estimate: its arithmetic, and price tables that the user supplies."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.local.text_location import locate_text
from pipelines.machines.presets import load_prices, preset, presets
from pipelines.plan.command import print_plan
from pipelines.plan.estimates import (
    THIS_MACHINE,
    estimate,
    estimate_all,
    estimate_from_last_run,
    estimate_from_peak,
    warn_of_missing_device,
)
from pipelines.plan.large_batches import warn_of_large_batches
from pipelines.plan.nodes import PlannedNode
from pipelines.plan.plan import Plan
from pipelines.recipe.file import load_recipe
from pipelines.recipe.work import TrainingWork, compute_work
from pipelines.workdir import Workdir

PRICES = """
region: here
date: 2026-11
source: test contract
surcharge: 0.0
machines:
  a2-highgpu-1g: {on_demand: 10.0}
"""
TINY = str(Path(__file__).with_name("tiny.yaml"))
# 1e18 FLOP at a tenth of 312e12 FLOP/s take 32,051 s.
WORK = TrainingWork(
    parameters=1, steps=10, global_batch_size=2, seq_length=64, tokens=1280, flops=1e18
)  # fmt: skip


def test_hours_are_flop_divided_by_speed(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES, encoding="utf-8")
    prices = load_prices(tmp_path / "prices.yaml")
    recipe = load_recipe(TINY, ["trainer.precision=bfloat16"])
    result = estimate(recipe, WORK, preset("a100"), prices, utilization=0.1)
    assert result.hours == pytest.approx(1e18 / (312e12 * 0.1) / 3600)
    assert result.dollars == pytest.approx(result.hours * 10.0)
    assert result.dollars_spot is None, "the table has no spot price"
    assert result.arithmetic == "1 EFLOP ÷ (1 × 312 TFLOP/s × 0.1 utilization)"
    slower = estimate(load_recipe(TINY), WORK, preset("a100"), prices, utilization=0.1)
    assert slower.hours == pytest.approx(15 * result.hours), "float32"
    assert estimate(recipe, WORK, preset("h100"), prices).dollars is None


def test_training_work_follows_the_recipe() -> None:
    work = compute_work(load_recipe(TINY))
    assert work.tokens == 6 * 8 * 64
    twice = compute_work(load_recipe(TINY, ["trainer.steps=12"]))
    assert twice.flops == pytest.approx(2 * work.flops)


def test_a_measured_speed_is_used_only_for_the_same_model_shape(tmp_path: Path) -> None:
    recipe = load_recipe(TINY)
    folder = tmp_path / "artifacts/tiny/Trainer/model_run/3"
    folder.mkdir(parents=True)
    log = {
        "tokens_per_second": 640.0,
        "figures": {"tokens_per_step": recipe.trainer.global_batch_size * 64},
        "settings": {
            "model": json.loads(recipe.model.model_dump_json()),
            "trainer": json.loads(recipe.trainer.model_dump_json()),
        },
    }
    (folder / "training.json").write_text(json.dumps(log), encoding="utf-8")
    result = estimate_from_last_run(recipe, WORK, Workdir(tmp_path))
    assert result is not None
    assert result.hours == pytest.approx(2.0 / 3600)
    larger_batch = load_recipe(TINY, ["trainer.global_batch_size=64"])
    assert estimate_from_last_run(larger_batch, WORK, Workdir(tmp_path)) == result
    other = load_recipe(TINY, ["model.hidden_size=64"])
    assert estimate_from_last_run(other, WORK, Workdir(tmp_path)) is None
    longer = load_recipe(TINY, ["instances.seq_length=32"])
    assert estimate_from_last_run(longer, WORK, Workdir(tmp_path)) is None


def test_this_machine_comes_first_before_its_first_run(tmp_path: Path) -> None:
    recipe = load_recipe(TINY, ["trainer.device=cpu"])
    arguments = (recipe, WORK, Workdir(tmp_path))
    here, *others = estimate_all(*arguments, (), None, load_prices())
    assert here.machine == THIS_MACHINE
    assert here.reached is not None
    assert 1e9 < here.reached < 1e14, "0.3 of the speed of a matrix product"
    assert here.hours == pytest.approx(WORK.flops / here.reached / 3600)
    assert "timed now × 0.3 utilization" in here.arithmetic
    assert [other.machine for other in others] == list(presets())
    (named,) = estimate_all(*arguments, ("a100",), None, load_prices())
    assert named.machine == "a100", "only the machines that were asked for"
    on_tpu = load_recipe(TINY, ["trainer.device=tpu"])
    assert estimate_from_peak(on_tpu, WORK) is None, "planning must not occupy the TPU"


def test_a_missing_gpu_is_reported() -> None:
    (warning,) = warn_of_missing_device(load_recipe(TINY, ["trainer.device=gpu"]))
    assert "sees no GPU on this machine" in warning
    assert list(warn_of_missing_device(load_recipe(TINY))) == []


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_plan_fits_the_terminal(width: int) -> None:
    recipe = load_recipe(TINY)
    nodes = tuple(
        PlannedNode(name, state, why, because, 93.2)
        for name, state, why, because in [
            ("TextExampleGen", "cached", "unchanged since run 20261123T000001Z", ()),
            ("InstanceGen", "runs", "seed 7 → 8", ()),
            ("InstanceStatisticsPhase2", "runs", "examples changed", ("InstanceGen", "A", "B")),
            ("LatestBlessedModel", "looks up", "found [red]/x", ()),
        ]
    )
    prices = load_prices()
    estimates = tuple(estimate(recipe, WORK, preset(name), prices) for name in ("cpu", "a100-8x4"))
    plan = Plan(
        recipe="tiny", workdir="/w", nodes=nodes, trains=True, work=WORK, estimates=estimates,
        prices="2026-11, us-central1", warnings=("Give [more] text.",),
    )  # fmt: skip
    console = Console(width=width, record=True, highlight=False, file=io.StringIO())
    print_plan(plan, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "20261123T000001Z" in text, "a run id is never cut"
    assert "1 EFLOP" in text
    assert "Warning: Give [more] text." in text
    assert "tiny: 2 nodes to run, 1 cached" in text
    assert "(after InstanceGen, A and 1 more)" in " ".join(text.split())
    assert "[red]/x" in text, "markup in data is printed literally"


@pytest.mark.parametrize(
    ("cached", "batch", "warning"),
    [
        (200, 100, None),
        (200, 201, "makes only 200 instances for training, so each step repeats some of them"),
        (None, 64, None),
        (None, 5000, "makes only about "),
    ],
)
def test_a_batch_larger_than_the_text_is_reported_with_the_size_that_fits(
    cached: int | None, batch: int, warning: str | None, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("One more sentence of this text.\n" * 1000, encoding="utf-8")
    recipe = load_recipe(TINY, [f"trainer.global_batch_size={batch}"])
    node = PlannedNode("InstanceGen", "cached" if cached else "runs", "", (), None, cached)
    warnings = list(warn_of_large_batches(recipe, locate_text([str(tmp_path)]), [node]))
    if warning is None:
        assert warnings == []
        return
    (text,) = warnings
    assert text.startswith(f"trainer.global_batch_size is {batch:,}, but the text ")
    assert warning in text
    fits = int(text.split("set trainer.global_batch_size to ")[1].split()[0].replace(",", ""))
    assert fits < batch
