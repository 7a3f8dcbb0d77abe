"""A recipe with two tasks evaluates its model on them, from text to model card and lineage."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.errors import InputError
from core.exit import INPUT_ERROR, SUCCEEDED
from pipelines.cli import app
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from pipelines.plan.plan import make_plan
from tests.components.downstream_evaluator.tasks import write_plurals, write_polarity

RECIPE = Path(__file__).with_name("tiny.yaml")
REAL_TEXT = Path(__file__).parents[2] / "tests/data/language_reference.txt"

pytestmark = pytest.mark.slow


def options(folder: Path, *tasks: dict[str, Any]) -> RunOptions:
    quick = "evaluation.fine_tuning={epochs: 1, batch_size: 8, seeds: [1, 2], device: cpu}"
    names = [task["name"] for task in tasks]
    on_the_way = ["trainer.evaluate_every_steps=3", f"trainer.evaluate_tasks={names[1:]}"]
    return RunOptions(
        recipe=str(RECIPE),
        text=[str(REAL_TEXT)],
        workdir=str(folder / "work"),
        overrides=[f"evaluation.tasks={json.dumps(tasks)}", quick, *on_the_way],
    )


def nodes_that_ran(folder: Path) -> dict[str, dict[str, Any]]:
    newest = max((folder / "work/runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    summary = json.loads((newest / "summary.json").read_text(encoding="utf-8"))
    return {node["node"]: node for node in summary["nodes"] if node["state"] == "ran"}


def textmill(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_two_tasks_from_text_to_lineage(tmp_path: Path) -> None:
    polarity = write_polarity(tmp_path, train=16, evaluated=8) | {"min_gain_over_random": -1}
    plurals = write_plurals(tmp_path, train=16, evaluated=8) | {"min_gain_over_random": 1.0}
    assert run_recipe(options(tmp_path, polarity, plurals)) == SUCCEEDED
    ran = nodes_that_ran(tmp_path)

    # --- The curve of one task: in the summary, and its end is the probe's score ----------------
    curve = ran["Trainer"]["counts"]["model_run"]["task_scores"]
    assert [point["step"] for point in curve] == [0, 3, 6]

    # --- Results: the scores, the run's summary, and a blessing that one task refuses ---------
    folder = Path(ran["DownstreamEvaluator"]["artifacts"]["downstream_evaluation"])
    results = json.loads((folder / "downstream.json").read_text(encoding="utf-8"))
    assert set(results["tasks"]) == {"polarity", "plurals"}
    assert "first piece" in results["method"]["probe"]
    assert curve[-1]["plurals.probe"] == results["tasks"]["plurals"]["probe"]["model"]["mean"]
    accuracy = results["tasks"]["polarity"]["fine_tuning"]["model"]["mean"]
    evaluation = ran["ModelEvaluator"]["counts"]["evaluation"]
    assert evaluation["metrics"]["polarity.accuracy"] == accuracy
    assert evaluation["blessed"] is False
    assert any("plurals: macro_f1" in reason for reason in evaluation["reasons"])

    # --- Model card ---------------------------------------------------------------------------
    card = Path(ran["ModelCardGen"]["artifacts"]["model_card"], "README.md").read_text("utf-8")
    assert "| polarity | accuracy | **" in card
    assert "type: token-classification" in card
    assert f"| 6 | {curve[-1]['plurals.probe']:.3f} |" in card

    # --- Cache: other held-out examples evaluate again, and train nothing ----------------------
    held_out = Path(polarity["eval"])
    held_out.write_text(held_out.read_text() + "the film is good\tpraise\n")
    assert run_recipe(options(tmp_path, polarity, plurals)) == SUCCEEDED
    ran = nodes_that_ran(tmp_path)
    assert set(ran) == {"DownstreamEvaluator", "ModelEvaluator", "ModelCardGen", "Pusher"}
    assert "a file of a task changed" in ran["DownstreamEvaluator"]["why"]

    # --- Lineage ------------------------------------------------------------------------------
    where = ("--workdir", str(tmp_path / "work"), "--json")
    rows = json.loads(textmill("lineage", "list", "--where", "polarity.accuracy>=0", *where))
    assert len(rows) == 2
    assert not json.loads(textmill("lineage", "list", "--where", "plurals.probe>1", *where))
    runs = [row["run"] for row in rows]
    changes = json.loads(textmill("lineage", "diff", *reversed(runs), *where))
    assert "polarity.accuracy" in {change["name"] for change in changes["metrics"]}


def test_bad_examples_stop_plan_and_run_before_any_work(tmp_path: Path) -> None:
    polarity = write_polarity(tmp_path)
    with Path(polarity["eval"]).open("a") as stream:
        stream.write("the book is good\thope\n")
    with pytest.raises(InputError, match=r"eval.tsv:26: the label 'hope' is not in"):
        make_plan(options(tmp_path, polarity))
    assert run_recipe(options(tmp_path, polarity)) == INPUT_ERROR
    assert not (tmp_path / "work/artifacts").exists()
