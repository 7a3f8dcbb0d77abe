"""Check for each change which nodes run again, and that `textmill plan` predicts it.

The first run is a real one. After it, each change is planned and then run with replayed work:
drivers, cache keys, damage checks and publishing are real (tests/pipelines/replay.py).
"""

import dataclasses
import importlib.metadata
import importlib.util
import json
import shutil
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import components.code_digest as digests
from core.exit import SUCCEEDED
from pipelines.lineage.verify.verify import verify
from pipelines.local.run_command import run_recipe
from pipelines.local.text_location import locate_text
from pipelines.metadata.archive import Archive
from pipelines.options import RunOptions
from pipelines.plan.estimates import THIS_MACHINE
from pipelines.plan.plan import is_training_cached, make_plan
from pipelines.recipe.file import load_recipe
from tests.pipelines.replay import replayed
from tests.pipelines.tiny_run import RECIPE, share_tiny_run

TOP = Path(__file__).parents[2]
RESOLVER = "LatestBlessedModel"
NODES = (
    "TextExampleGen", "DocumentStatistics", "SchemaGen", "DocumentValidator", "VocabularyGen",
    "InstanceGen", "CorpusReportGen", "InstanceStatistics", "InstanceValidator", "Trainer",
    "ModelEvaluator", "ModelCardGen", "Pusher",
)  # fmt: skip
FROM_TEXT = set(NODES)
FROM_TRAINER = {"Trainer", "ModelEvaluator", "ModelCardGen", "Pusher"}
FROM_INSTANCES = FROM_TRAINER | {
    "InstanceGen", "CorpusReportGen", "InstanceStatistics", "InstanceValidator",
}  # fmt: skip
FROM_VOCABULARY = FROM_INSTANCES | {"VocabularyGen"}
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Mill:
    """A workdir with one real run, its text, its recipe, and a copy of the code."""

    workdir: Path
    text: Path
    recipe: Path
    code: Path
    first: str

    def plan(self, overrides: list[str]) -> dict[str, tuple[str, str]]:
        """Return the planned state and reason of each node."""
        made = make_plan(
            RunOptions(
                recipe=str(self.recipe),
                text=[str(self.text)],
                workdir=str(self.workdir),
                overrides=overrides,
            )
        )
        states = {"runs": "ran"}
        return {node.node: (states.get(node.state, node.state), node.why) for node in made.nodes}

    def run(self, overrides: list[str], *, new_model: bool = True) -> dict[str, tuple[str, str]]:
        """Return the state and reason of each node in a run."""
        with replayed(self.workdir / "metadata.sqlite", self.first, new_model=new_model):
            code = run_recipe(
                RunOptions(
                    recipe=str(self.recipe),
                    text=[str(self.text)],
                    workdir=str(self.workdir),
                    overrides=overrides,
                )
            )
        assert code == SUCCEEDED
        newest = max(path.name for path in (self.workdir / "runs").iterdir())
        summary = json.loads((self.workdir / "runs" / newest / "summary.json").read_text())
        return {node["node"]: (node["state"], node["why"]) for node in summary["nodes"]}


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    folder = tmp_path_factory.mktemp("matrix")
    tiny_run = share_tiny_run(tmp_path_factory)
    workdir, recipe = tiny_run.copy_to(folder / "work"), folder / "tiny.yaml"
    text = shutil.copytree(tiny_run.text, folder / "text")
    shutil.copy(RECIPE, recipe)
    for package in digests.OUR_PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(TOP / package, folder / "code" / package, ignore=ignore)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "importlib", _importlib(folder / "code", {}))
        _digest_again()
        (first,) = (path.name for path in (workdir / "runs").iterdir())
        yield Mill(workdir, text, recipe, folder / "code", first)
    _digest_again()


def _digest_again() -> None:
    digests._digest.cache_clear()
    digests._installed_versions.cache_clear()


def _importlib(code: Path, versions: dict[str, str]) -> Any:
    """Replace `importlib` for `code_digest`: sources are the copy's, versions are these."""

    def version(name: str) -> str:
        return versions.get(name) or importlib.metadata.version(name)

    def find_spec(name: str) -> Any:
        return types.SimpleNamespace(origin=str(code / name / "__init__.py"))

    return types.SimpleNamespace(
        util=types.SimpleNamespace(find_spec=find_spec),
        metadata=types.SimpleNamespace(version=version),
    )


@pytest.fixture
def clean(mill: Mill) -> Iterator[Mill]:
    """Return the mill, and restore the state after its first run when the test ends."""
    store = mill.workdir / "metadata.sqlite"
    kept = {path: path.read_bytes() for path in (store, mill.text / "a.txt", mill.recipe)}
    yield mill
    for path, content in kept.items():
        path.write_bytes(content)
    (mill.text / "b.txt").unlink(missing_ok=True)
    _digest_again()


def change_a_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"statement", b"Statement", 1))


def prepare(mill: Mill, change: str, patch: pytest.MonkeyPatch) -> list[str]:
    """Make one change; return its overrides."""
    if change.startswith("--set "):
        return [change.removeprefix("--set ")]
    if change == "a byte of the corpus":
        change_a_byte(mill.text / "a.txt")
    elif change == "the name of a file":
        (mill.text / "a.txt").rename(mill.text / "b.txt")
    elif change == "a comment in the recipe":
        with mill.recipe.open("a") as recipe:
            recipe.write("# a comment\n")
    elif change.startswith("a byte of "):
        path = mill.code / change.removeprefix("a byte of ")
        source = path.read_text(encoding="utf-8")
        path.write_text(f"{source}#\n", encoding="utf-8")
    elif change == "another TensorFlow":
        patch.setattr(digests, "importlib", _importlib(mill.code, {"tensorflow": "2.99.0"}))
    elif change == "another image":
        patch.setenv("TEXTMILL_IMAGE_DIGEST", "sha256:" + "1" * 64)
    else:
        raise AssertionError(change)
    return []


MATRIX = [
    ("a byte of the corpus", FROM_TEXT, {"TextExampleGen": "text changed"}),
    ("the name of a file", FROM_TEXT, {"TextExampleGen": "text changed"}),
    ("--set seed=8", FROM_INSTANCES, {"InstanceGen": "seed 7 → 8"}),
    ("--set masking.rate=0.2", FROM_INSTANCES, {"InstanceGen": "rate 0.15 → 0.2"}),
    ("--set instances.seq_length=32", FROM_INSTANCES, {"InstanceGen": "seq_length 64 → 32"}),
    ("--set vocabulary.size=650", FROM_VOCABULARY, {"VocabularyGen": "size 700 → 650"}),
    ("a comment in the recipe", set(), {}),
    ("--set expected=Minutes.", set(), {}),
    ("--set beam.workers=2", set(), {}),
    ("--set beam={engine: dask, endpoint: 'tcp://host:1'}", set(), {}),
    ("a byte of components/instance_gen/executor.py", FROM_INSTANCES,
     {"InstanceGen": "code changed"}),
    ("a byte of trainer/loop/loop.py", FROM_TRAINER, {"Trainer": "code changed"}),
    ("another TensorFlow", FROM_TEXT, {"TextExampleGen": "environment changed"}),
    ("another image", FROM_TEXT, {"TextExampleGen": "environment changed"}),
    ("--set trainer.schedule=product", FROM_TRAINER, {"Trainer": "schedule linear → product"}),
    ("--set description=Other.", {"ModelCardGen", "Pusher"},
     {"ModelCardGen": "description One layer, a few steps. → Other."}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "runs", "causes"), MATRIX, ids=[row[0] for row in MATRIX])
def test_a_change_reruns_the_right_nodes_and_the_plan_predicts_it(
    clean: Mill,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    runs: set[str],
    causes: dict[str, str],
) -> None:
    edited = clean.code / change.removeprefix("a byte of ")
    source = edited.read_bytes() if edited.is_file() else None
    overrides = prepare(clean, change, monkeypatch)
    _digest_again()
    try:
        planned, ran = clean.plan(overrides), clean.run(overrides)
    finally:
        if source is not None:
            edited.write_bytes(source)
    resolver = planned.pop(RESOLVER), ran.pop(RESOLVER)
    assert planned == ran, "every cell, with its cause"
    assert resolver[0][1] == resolver[1][1], "and what the resolver finds"
    assert {node: state for node, (state, _) in ran.items()} == {
        node: "ran" if node in runs else "cached" for node in NODES
    }
    for node, why in causes.items():
        assert ran[node][1] == why


def test_planning_changes_nothing(clean: Mill) -> None:
    before = _state_of(clean.workdir)
    clean.plan(["trainer.steps=8"])
    assert _state_of(clean.workdir) == before
    nowhere = clean.workdir.parent / "nowhere"
    made = make_plan(
        RunOptions(
            recipe=str(clean.recipe), text=[str(clean.text)], workdir=str(nowhere), overrides=[]
        )
    )
    states = {node.node: (node.state, node.why) for node in made.nodes}
    assert states.pop(RESOLVER)[0] == "looks up"
    assert set(states.values()) == {("runs", "first run")}
    assert not nowhere.exists()


def _state_of(folder: Path) -> dict[str, tuple[int, int]]:
    # The log is of the process, which goes on logging here after the run.
    stats = ((str(path), path.stat()) for path in folder.rglob("*") if path.name != "log.txt")
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats}


def test_an_altered_result_is_recomputed_and_the_plan_predicts_it(clean: Mill) -> None:
    files = clean.workdir.glob("artifacts/tiny/VocabularyGen/vocabulary/*/vocab.txt")
    file = min(files, key=lambda path: int(path.parent.name))  # the first run's
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    try:
        planned, ran = clean.plan([]), clean.run([], new_model=False)
    finally:
        file.write_bytes(content)
    resolver = planned.pop(RESOLVER)[1], ran.pop(RESOLVER)[1]
    assert resolver == ("found no other blessed model",) * 2, "the same model is no baseline"
    assert planned == ran
    assert {node for node, (state, _) in ran.items() if state == "ran"} == FROM_VOCABULARY
    assert ran["VocabularyGen"][1] == "the earlier result is gone or was altered"


def test_the_plan_names_the_nodes_that_cause_others_to_run(clean: Mill) -> None:
    made = make_plan(
        RunOptions(
            recipe=str(clean.recipe),
            text=[str(clean.text)],
            workdir=str(clean.workdir),
            overrides=["seed=8"],
            to_node="Trainer",
        )
    )
    because = {node.node: node.because_of for node in made.nodes}
    assert because["InstanceGen"] == ()
    assert because["Trainer"] == ("InstanceGen",)
    assert "ModelEvaluator" not in because
    seconds = {node.node: node.last_seconds for node in made.nodes}
    assert seconds["Trainer"] is not None
    assert seconds["Trainer"] > 0
    assert made.trains
    assert made.estimates[0].machine == THIS_MACHINE, "as fast as the last one"


def test_a_training_is_cached_as_the_plan_says(clean: Mill, tmp_path: Path) -> None:
    options = RunOptions(recipe=str(clean.recipe), workdir=str(clean.workdir))
    text = locate_text([str(clean.text)])
    for override, is_cached in (("card.notes=x", True), ("trainer.steps=7", False)):
        recipe = load_recipe(options.recipe, [override])
        assert is_training_cached(recipe, text, options) == is_cached
    elsewhere = dataclasses.replace(options, workdir=str(tmp_path))
    assert not is_training_cached(recipe, text, elsewhere)


def test_places_are_not_in_cache_keys(clean: Mill, tmp_path: Path) -> None:
    workdir = shutil.copytree(clean.workdir, tmp_path / "other" / "work")
    text = shutil.copytree(clean.text, tmp_path / "other text")
    moved = dataclasses.replace(clean, workdir=workdir, text=text)
    planned, ran = moved.plan([]), moved.run([])
    planned.pop(RESOLVER), ran.pop(RESOLVER)
    assert planned == ran
    assert {state for state, _ in ran.values()} == {"cached"}
    archive = Archive(moved.workdir)
    assert verify(archive).findings == ()
    folders = {artifact.uri for artifact in archive.graph.artifacts.values()}
    assert all(folder.startswith(str(moved.workdir)) for folder in folders), "a copy stands alone"


def test_a_seal_holds_before_and_after_a_copy_was_used(clean: Mill, tmp_path: Path) -> None:
    shutil.copytree(clean.workdir, tmp_path / "work")
    assert verify(Archive(tmp_path / "work")).findings == ()
    dataclasses.replace(clean, workdir=tmp_path / "work").run([])
    checked = verify(Archive(tmp_path / "work"))
    assert (checked.findings, checked.unsealed) == ((), ())


@pytest.mark.parametrize("change", ["seed=8", "a byte of the corpus", "damage"])
def test_reasons_are_right_with_a_cached_run_between(clean: Mill, change: str) -> None:
    clean.run([])
    files = clean.workdir.glob("artifacts/tiny/TextExampleGen/examples/*/manifest.json")
    file = min(files, key=lambda path: int(path.parent.name))  # the first run's
    content = file.read_bytes()
    overrides = [change] if "=" in change else []
    if change == "damage":
        file.write_bytes(content + b" ")
    elif not overrides:
        change_a_byte(clean.text / "a.txt")
    try:
        planned, ran = clean.plan(overrides), clean.run(overrides, new_model=change != "damage")
    finally:
        file.write_bytes(content)
    planned.pop(RESOLVER), ran.pop(RESOLVER)
    assert planned == ran
    node, why = {
        "seed=8": ("InstanceGen", "seed 7 → 8"),
        "a byte of the corpus": ("TextExampleGen", "text changed"),
        "damage": ("TextExampleGen", "the earlier result is gone or was altered"),
    }[change]
    assert ran[node] == ("ran", why)
