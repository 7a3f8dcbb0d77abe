"""What a training takes: the arithmetic, by hand, and prices that the user replaces."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.machines.presets import preset
from pipelines.machines.prices import load_prices
from pipelines.plan.command import print_plan
from pipelines.plan.cost import Work, estimate, measured_here, work_of
from pipelines.plan.nodes import PlannedNode
from pipelines.plan.plan import Plan
from pipelines.recipe.file import load_recipe
from pipelines.workdir import Workdir

PRICES = """
region: here
date: 2026-11
source: our contract
surcharge: 0.0
machines:
  a2-highgpu-1g: {on_demand: 10.0}
"""
TINY = str(Path(__file__).with_name("tiny.yaml"))
# 1e18 operations: at 312e12 a second, of which a tenth is reached, 32,051 s.
WORK = Work(
    parameters=1, steps=10, global_batch_size=2, seq_length=64, tokens=1280, flops=1e18
)  # fmt: skip


def test_hours_are_operations_by_speed(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES, encoding="utf-8")
    prices = load_prices(tmp_path / "prices.yaml")
    recipe = load_recipe(TINY, ["trainer.precision=bfloat16"])
    found = estimate(recipe, WORK, preset("a100"), prices, utilisation=0.1)
    assert found.hours == pytest.approx(1e18 / (312e12 * 0.1) / 3600)
    assert found.dollars == pytest.approx(found.hours * 10.0)
    assert found.dollars_spot is None, "the table does not say"
    assert found.arithmetic == "1e+18 FLOP ÷ (1 × 312e12 FLOP/s × 0.1 reached)"
    slower = estimate(load_recipe(TINY), WORK, preset("a100"), prices, utilisation=0.1)
    assert slower.hours == pytest.approx(2 * found.hours), "float32"
    assert estimate(recipe, WORK, preset("h100"), prices).dollars is None


def test_the_work_is_that_of_the_recipe() -> None:
    work = work_of(load_recipe(TINY))
    assert work.tokens == 6 * 8 * 64
    twice = work_of(load_recipe(TINY, ["trainer.steps=12"]))
    assert twice.flops == pytest.approx(2 * work.flops)


def test_what_was_timed_here_counts_for_the_same_shape_only(tmp_path: Path) -> None:
    recipe = load_recipe(TINY)
    folder = tmp_path / "artifacts/tiny/Trainer/model_run/3"
    folder.mkdir(parents=True)
    told = {
        "tokens_per_second": 640.0,
        "settings": {
            "model": json.loads(recipe.model.model_dump_json()),
            "trainer": json.loads(recipe.trainer.model_dump_json()),
        },
    }
    (folder / "training.json").write_text(json.dumps(told), encoding="utf-8")
    found = measured_here(recipe, WORK, Workdir(tmp_path))
    assert found is not None
    assert found.hours == pytest.approx(2.0 / 3600)
    other = load_recipe(TINY, ["model.hidden_size=64"])
    assert measured_here(other, WORK, Workdir(tmp_path)) is None


def test_the_plan_fits_eighty_columns() -> None:
    recipe = load_recipe(TINY)
    nodes = tuple(
        PlannedNode(name, state, why, because, 93.2)
        for name, state, why, because in [
            ("TextExampleGen", "cached", "nothing changed since run 20261123T000001Z", ()),
            ("InstanceGen", "runs", "seed 7 → 8", ()),
            ("InstanceStatisticsPhase2", "runs", "examples changed", ("InstanceGen", "A", "B")),
            ("LatestBlessedModel", "looks up", "found [red]/x", ()),
        ]
    )
    prices = load_prices()
    estimates = tuple(estimate(recipe, WORK, preset(name), prices) for name in ("cpu", "a100-8x4"))
    plan = Plan(
        recipe="tiny", workdir="/w", nodes=nodes, trains=True, work=WORK, estimates=estimates,
        prices="2026-11, us-central1",
    )  # fmt: skip
    console = Console(width=80, record=True, highlight=False, file=io.StringIO())
    print_plan(plan, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "tiny: 2 nodes to run, 1 cached" in text
    assert "(after InstanceGen, A and 1 more)" in " ".join(text.split())
    assert "[red]/x" in text, "shown and not obeyed"
