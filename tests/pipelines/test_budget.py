"""`trainer.budget` sets steps, warm-up and decay, and the same ones again."""

from pathlib import Path

import pytest
import yaml

from core.errors import InputError
from pipelines.compiled_spec.parameters import training_settings
from pipelines.local import training_rate
from pipelines.local.run_command import RECIPE, write_recipe
from pipelines.local.training_rate import find_rate
from pipelines.recipe.budget import Rate, resolve_budget
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import compute_work
from pipelines.vertex.commands.compile import compile_to_file
from pipelines.workdir import Workdir
from trainer.measure_rate import measure_rate
from trainer.settings.budget import Budget, parse_budget

TINY = str(Path(__file__).with_name("tiny.yaml"))  # 8 instances of 64 tokens per step
STEP = 8 * 64


def resolved(budget: str, *overrides: str) -> Recipe:
    return resolve_budget(load_recipe(TINY, [f"trainer.budget={budget}", *overrides]))[0]


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("90s", 90, "seconds"),
        ("30min", 1800, "seconds"),
        ("2h", 7200, "seconds"),
        ("1.5 d", 129_600, "seconds"),
        ("10B tokens", 1e10, "tokens"),
        ("51200 tokens", 51_200, "tokens"),
        ("1e18 FLOP", 1e18, "flop"),
        ("1.15 EFLOP", 1.15e18, "flop"),  # as `textmill plan` prints it
    ],
)
def test_a_budget_is_a_number_and_a_unit(text: str, amount: float, unit: str) -> None:
    assert parse_budget(text) == Budget(pytest.approx(amount), unit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["2", "2 hours", "tokens", "0h", "-1h", "1 XFLOP", "1e18", "2h 30min"]
)
def test_another_form_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(InputError, match=r"--set: trainer\.budget: .*Write it as 90s, 30min, 2h"):
        load_recipe(TINY, [f"trainer.budget='{text}'"])


def test_tokens_are_divided_by_those_of_a_step() -> None:
    trainer = resolved(f"{100 * STEP + 511} tokens").trainer
    assert (trainer.steps, trainer.warmup_steps, trainer.decay_steps) == (100, 10, 10)


def test_compute_is_what_the_plan_says() -> None:
    work = compute_work(resolved("2 TFLOP"))
    assert work.flops <= 2e12 < work.flops * (work.steps + 1) / work.steps


def test_time_is_multiplied_by_the_rate() -> None:
    recipe = load_recipe(TINY, ["trainer.budget=2min", "trainer.budget_rate=5120"])
    trainer, why = resolve_budget(recipe)
    assert trainer.trainer.steps == 1200  # 120 s of 10 steps each
    assert why == (
        "Budget of 2min: 1,200 steps, 120 of them warm-up, at 5,120 tokens/s (trainer.budget_rate)"
    )
    measured = resolve_budget(load_recipe(TINY, ["trainer.budget=2min"]), lambda _: Rate(512, ""))
    assert measured[0].trainer.steps == 120


def test_phases_before_the_last_keep_their_lengths() -> None:
    phase = "trainer.phases=[{from_step: 100, seq_length: 32}]"
    assert resolved(f"{150 * STEP} tokens", phase).trainer.steps == 100 + 100
    with pytest.raises(InputError, match="ends before phase 2 begins at step 100"):
        resolved(f"{100 * STEP} tokens", phase)


def test_the_recipe_as_run_has_steps_and_is_the_same_training(tmp_path: Path) -> None:
    recipe = resolved(f"{100 * STEP} tokens")
    write_recipe(recipe, tmp_path)
    assert load_recipe(str(tmp_path / RECIPE)) == recipe
    lengths = ["trainer.steps=100", "trainer.warmup_steps=10", "trainer.decay_steps=10"]
    assert load_recipe(TINY, lengths).model_dump() == recipe.model_dump(), "one key of the cache"


def test_a_budget_excludes_what_it_sets(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"budget sets steps\. Remove one of the two"):
        resolved("2h", "trainer.steps=5")
    text = Path(TINY).read_text(encoding="utf-8")
    path = tmp_path / "both.yaml"
    path.write_text(text.replace("trainer:\n", "trainer:\n  budget: 2h\n"), encoding="utf-8")
    with pytest.raises(InputError, match=r"both\.yaml.*budget sets steps"):
        load_recipe(str(path))
    with pytest.raises(InputError, match=r"budget_rate is only for a budget of time"):
        resolved("10B tokens", "trainer.budget_rate=3")


@pytest.mark.parametrize(
    ("budget", "problem"),
    [("511 tokens", "ends before one step is done"), ("1e20 tokens", "less than or equal to")],
)
def test_an_impossible_budget_is_refused(budget: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        resolved(budget)


def test_a_spec_needs_the_rate_of_the_machine_that_will_train(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be measured here\. Set trainer\.budget_rate"):
        compile_to_file("vertex", tmp_path / "spec.yaml", ["trainer.budget=2h"], check=False)


def test_a_spec_has_the_steps_of_a_budget(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    compile_to_file("vertex", path, ["trainer.budget=10B tokens"], check=False)
    steps = int(10e9) // (256 * 128)
    settings = training_settings(spec := yaml.safe_load(path.read_text(encoding="utf-8")))
    assert settings is not None
    assert (settings.trainer.steps, settings.trainer.budget) == (steps, None)
    assert spec["root"]["inputDefinitions"]["parameters"]["steps"]["defaultValue"] == steps


def test_a_rate_is_measured_once_per_workdir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = iter([1000.0, 2000.0, 3000.0])
    monkeypatch.setattr(training_rate, "_measure", lambda _: next(speeds))
    workdir, recipe = Workdir(tmp_path), load_recipe(TINY)
    assert find_rate(recipe, workdir, record=False).tokens_per_second == 1000
    assert not any(tmp_path.iterdir()), "a plan writes nothing"
    first = find_rate(recipe, workdir)
    assert find_rate(load_recipe(TINY, ["seed=2", "trainer.steps=9"]), workdir)[0] == first[0]
    assert find_rate(recipe, workdir).source == f"measured before, in {tmp_path}/rates.json"
    larger = load_recipe(TINY, ["trainer.global_batch_size=16"])
    assert find_rate(larger, workdir).tokens_per_second == 3000
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(InputError, match=r"TF_CONFIG names other workers"):
        find_rate(load_recipe(TINY, ["trainer.global_batch_size=4"]), workdir)


def test_steps_of_the_recipes_shape_are_timed() -> None:
    recipe = load_recipe(TINY)
    assert measure_rate(training_rate._describe(recipe), seconds=0.05) > STEP / 60
