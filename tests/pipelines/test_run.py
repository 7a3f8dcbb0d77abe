"""A run executes the whole pipeline, a repeat nothing, and a change what depends on it."""

import gzip
import json
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.exit import FAILED, INPUT_ERROR, INTERRUPTED, SUCCEEDED
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from pipelines.plan.plan import make_plan
from tests.forked_runs import Running, Start
from tests.pipelines.tiny_run import REAL_TEXT, TinyRun, share_tiny_run
from tests.pipelines.tiny_run import RECIPE as TINY

RECIPE = str(TINY)
RESOLVER = "LatestBlessedModel"  # always "cached": it looks up and makes nothing
DATA_NODES = {
    "TextExampleGen", "DocumentStatistics", "SchemaGen", "DocumentValidator", "VocabularyGen",
    "InstanceGen", "InstanceStatistics", "InstanceValidator", "CorpusReportGen",
}  # fmt: skip
MODEL_NODES = {"Trainer", "ModelEvaluator", "ModelCardGen", "Pusher"}

pytestmark = pytest.mark.slow


def textmill_run(
    workdir: Path,
    *,
    text: Path,
    until: str | None = None,
    span: int | None = None,
    rerun: str | None = None,
    **overrides: Any,
) -> int:
    settings = [f"{key.replace('__', '.')}={value}" for key, value in overrides.items()]
    return run_recipe(
        RunOptions(
            recipe=RECIPE,
            text=[str(text)],
            workdir=str(workdir),
            overrides=settings,
            span=span,
            to_node=until,
            rerun=rerun,
        )
    )


def last_summary(workdir: Path) -> dict[str, Any]:
    newest = max((workdir / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    summary: dict[str, Any] = json.loads((newest / "summary.json").read_text(encoding="utf-8"))
    return summary


def nodes_in(workdir: Path, state: str) -> set[str]:
    nodes = last_summary(workdir)["nodes"]
    return {node["node"] for node in nodes if node["state"] == state} - {RESOLVER}


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    return share_tiny_run(tmp_path_factory)


@pytest.fixture(scope="module")
def done(tiny_run: TinyRun) -> tuple[Path, Path]:
    """A workdir with one finished run, and the folder of its text; tests work on copies."""
    return tiny_run.workdir, tiny_run.text


@pytest.mark.parametrize(
    "line",
    [
        r"TextExampleGen: [12] of 2 shards, [\d.]+ shards/s, 0:0\d left",
        r"DocumentStatistics: 0:\d\d so far",  # 78 documents are counted at once
        r"VocabularyGen, reading text: [\d,]+ of [\d,]+ bytes, [\d,]+ bytes/s, 0:\d\d left",
        r"InstanceGen: [12] of 2 shards, [\d.]+ shards/s, 0:0\d left",
        r"CorpusReportGen: \d+ of 54 documents, [\d.,]+ documents/s, 0:\d\d left",
        r"step \d of 6: loss [\d.]+, .* tokens/s .*, \d+:\d\d left",
        r"ModelEvaluator: \d+ of 132 instances, [\d.,]+ instances/s, 0:\d\d left",
        r"Pusher: 0:\d\d so far",  # no count, but never silent
    ],
)
def test_every_node_shows_progress(tiny_run: TinyRun, line: str) -> None:
    assert re.search(rf"^   {line}$", tiny_run.stderr, re.MULTILINE)


@pytest.fixture
def copied(done: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of the workdir and of its text, which a test may change."""
    workdir, text = done
    shutil.copytree(workdir, tmp_path / "work", symlinks=True)
    return tmp_path / "work", shutil.copytree(text, tmp_path / "text")


def test_a_run_executes_every_node_and_publishes_a_model(done: tuple[Path, Path]) -> None:
    workdir, _ = done
    summary = last_summary(workdir)
    assert summary["state"] == "succeeded"
    model = Path(summary["places"]["model"])
    assert (model / "saved_model.pb").is_file()
    assert (model / "transformers" / "model.safetensors").is_file()
    assert Path(summary["places"]["report"]).is_file()
    assert set(nodes_in(workdir, "ran")) == DATA_NODES | MODEL_NODES
    why = {node["node"]: node["why"] for node in summary["nodes"]}
    assert why.pop(RESOLVER) == "found no other blessed model"
    assert set(why.values()) == {"first run"}


def test_the_recipe_of_a_run_is_kept_and_can_be_loaded(done: tuple[Path, Path]) -> None:
    from pipelines.recipe.file import load_recipe

    workdir, _ = done
    kept = next((workdir / "runs").glob("*/recipe.yaml"))
    assert load_recipe(str(kept)) == load_recipe(RECIPE)


def test_changes_rerun_only_the_nodes_that_depend_on_them(copied: tuple[Path, Path]) -> None:
    workdir, text = copied
    file = text / "a.txt"
    assert textmill_run(workdir, text=text) == SUCCEEDED
    assert nodes_in(workdir, "ran") == set(), "a repeat is all cached"
    os.utime(file)
    assert textmill_run(workdir, text=text, until="InstanceGen") == SUCCEEDED
    assert nodes_in(workdir, "ran") == set(), "the time of a file is not its content"

    assert textmill_run(workdir, text=text, trainer__steps=8) == SUCCEEDED
    assert nodes_in(workdir, "cached") == DATA_NODES
    assert nodes_in(workdir, "ran") == MODEL_NODES
    trainer = next(n for n in last_summary(workdir)["nodes"] if n["node"] == "Trainer")
    assert trainer["why"] == "steps 6 → 8"
    evaluator = next(n for n in last_summary(workdir)["nodes"] if n["node"] == "ModelEvaluator")
    assert "latest blessed" in str(evaluator["counts"]["evaluation"]["reasons"])
    resolver = next(n for n in last_summary(workdir)["nodes"] if n["node"] == RESOLVER)
    assert re.fullmatch(r"found Trainer/model/\d+", resolver["why"])
    assert textmill_run(workdir, text=text, trainer__steps=8) == SUCCEEDED
    assert nodes_in(workdir, "ran") == set(), "a model is not compared with itself"

    content = file.read_bytes()
    changed = content.replace(b"statement", b"Statement", 1)
    before = file.stat()
    file.write_bytes(changed)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert textmill_run(workdir, text=text, until="TextExampleGen") == SUCCEEDED
    assert "TextExampleGen" in nodes_in(workdir, "ran"), "size and time are as before, one byte not"
    example_gen = last_summary(workdir)["nodes"][0]
    assert example_gen["why"] == "text changed"


def test_to_node_runs_a_node_and_its_ancestors(done: tuple[Path, Path], tmp_path: Path) -> None:
    _, text = done
    assert textmill_run(tmp_path / "w", text=text, until="VocabularyGen") == SUCCEEDED
    wanted = {"TextExampleGen", "DocumentStatistics", "SchemaGen", "DocumentValidator"}
    assert nodes_in(tmp_path / "w", "ran") == wanted | {"VocabularyGen"}
    with pytest.raises(InputError, match=r"VocabularyGne.*Did you mean VocabularyGen\?"):
        textmill_run(tmp_path / "w", text=text, until="VocabularyGne")


def test_rerun_runs_a_node_and_its_descendants_from_the_start(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    workdir, text = tmp_path / "w", done[1]
    shutil.copytree(done[0], workdir)
    options = RunOptions(recipe=RECIPE, text=[str(text)], workdir=str(workdir), rerun="Trainer")
    planned = {node.node for node in make_plan(options).nodes if node.state == "runs"}
    assert planned == MODEL_NODES
    before = published(workdir)
    assert textmill_run(workdir, text=text, rerun="Trainer") == SUCCEEDED
    assert nodes_in(workdir, "ran") == MODEL_NODES
    assert nodes_in(workdir, "cached") == DATA_NODES
    trainer = next(node for node in last_summary(workdir)["nodes"] if node["node"] == "Trainer")
    assert trainer["why"] == "--rerun Trainer"
    training = json.loads(Path(trainer["artifacts"]["model_run"], "training.json").read_bytes())
    assert training["resumed_from"] is None, "the checkpoints of the first training were left"
    assert published(workdir) == before, "the same model was published again"
    assert textmill_run(workdir, text=text) == SUCCEEDED
    assert nodes_in(workdir, "ran") == set(), "the result of a rerun is cached"
    for other in ("Pusher", "CorpusReportGen"):  # the first is refused before TFX is loaded
        with pytest.raises(InputError, match=rf"--rerun {other}: Trainer does not depend on it"):
            make_plan(replace(options, rerun=other, to_node="Trainer"))


def published(workdir: Path) -> dict[str, bytes]:
    """Return the weights of all published versions."""
    weights = sorted((workdir / "published").rglob("model.safetensors"))
    return {str(path.relative_to(workdir)): path.read_bytes() for path in weights}


def test_the_newest_span_is_taken_or_the_one_that_is_named(tmp_path: Path) -> None:
    text = REAL_TEXT.read_text(encoding="utf-8")
    for number in (1, 3):
        (tmp_path / f"week-{number}").mkdir()
        week = tmp_path / f"week-{number}" / "a.txt"
        week.write_text(text[number * 1000 :], encoding="utf-8")

    def run(span: int | None) -> dict[str, Any]:
        pattern = tmp_path / "week-{SPAN}" / "*.txt"
        code = textmill_run(tmp_path / "w", text=pattern, span=span, until="TextExampleGen")
        node: dict[str, Any] = last_summary(tmp_path / "w")["nodes"][0]
        assert code == (INPUT_ERROR if span == 7 else SUCCEEDED)
        return node

    newest = run(None)
    assert newest["counts"]["examples"]["facts"]["span"] == 3
    named = run(3)
    assert (named["state"], named["artifacts"]) == ("cached", newest["artifacts"])
    older = run(1)
    assert older["counts"]["examples"]["facts"]["span"] == 1
    assert older["why"] == "pattern week-3/*.txt → week-1/*.txt; text changed"
    assert run(7)["state"] == "failed"
    assert "the spans are 1, 3. Give one of them" in last_summary(tmp_path / "w")["error"]


def test_bad_text_is_reported_before_training_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = [f"Document {n} of 3.\nIt has two sentences.\n" for n in range(4)]
    (tmp_path / "a.txt").write_text("\n".join(documents), encoding="utf-8")
    assert textmill_run(tmp_path / "w", text=tmp_path / "a.txt") == INPUT_ERROR
    error = last_summary(tmp_path / "w")["error"]
    assert "The split 'eval' has a single document" in error
    assert "error:" in capsys.readouterr().err
    assert "Trainer" not in {n["node"] for n in last_summary(tmp_path / "w")["nodes"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"One sentence.\nA bad byte \xff here.\n", r"a\.txt:2:12"),
        (gzip.compress(b"A bad byte \xff here.\n", mtime=0), r"a\.txt:1:12"),
        (b"One document.\nWith three sentences.\nAnd no other.\n", "No document falls into the"),
        ("두 문장.\n".encode("cp949") * 3, "CP949"),
        ("One.\nTwo.\n\nThree.\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_wrong_bytes_are_reported_before_a_run_starts(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        textmill_run(tmp_path / "w", text=tmp_path / "a.txt")
    assert not list((tmp_path / "w" / "runs").glob("*"))


def test_ctrl_c_exits_with_130_and_the_next_run_continues(
    done: tuple[Path, Path], tmp_path: Path
) -> None:
    _, text = done
    words = ("run", RECIPE, "--text", str(text), "--workdir", str(tmp_path))
    process = Running(Start((*words, "--set", "trainer.steps=100000")))
    checkpoints = "checkpoints/tiny/*/step-*.json"
    process.wait_until(lambda: list(tmp_path.glob(checkpoints)), "a checkpoint")
    process.signal(signal.SIGINT)
    assert process.wait(60).code == INTERRUPTED
    summary = last_summary(tmp_path)
    assert summary["state"] == "interrupted"
    assert textmill_run(tmp_path, text=text, until="InstanceGen") == SUCCEEDED
    assert nodes_in(tmp_path, "ran") == set()


def test_an_unexpected_error_is_reported_and_exits_with_1(
    done: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.statistics_gen import executor

    def fail(*_: Any) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(executor.Executor, "Do", fail)
    _, text = done
    assert textmill_run(tmp_path, text=text) == FAILED
    summary = last_summary(tmp_path)
    assert summary["error"] == "RuntimeError: out of luck"
    assert summary["nodes"][-1]["state"] == "failed"
    assert "Traceback" in Path(summary["places"]["log"]).read_text(encoding="utf-8")
