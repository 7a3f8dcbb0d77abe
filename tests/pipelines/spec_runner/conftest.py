"""Compile the tiny recipe for Vertex AI, and share one local run of it among tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from components.code_digest import _versions_here
from core.exit import SUCCEEDED
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from pipelines.spec_runner.command import Options, run_spec
from tests.components.downstream_evaluator.tasks import write_plurals, write_polarity
from tests.forked_warm import fork_warm_processes

HERE = Path(__file__).parent
TINY = HERE.parent / "tiny.yaml"
REAL_TEXT = HERE.parents[1] / "data/language_reference.txt"
IMAGE = f"europe-docker.pkg.dev/p/textmill/any@sha256:{'1' * 64}"
TRAINER_IMAGE = f"europe-docker.pkg.dev/p/textmill/trainer@sha256:{'2' * 64}"


@dataclass(frozen=True)
class Runs:
    """The compiled spec, and the workdirs of its runs."""

    spec: Path
    workdir: Path  # of `textmill run-spec`
    local: Path  # of `textmill run`


def compile_tiny(folder: Path, trainer_image: str = IMAGE, **groups: dict[str, object]) -> Path:
    """Compile the tiny recipe with changed settings and an image for the training job."""
    from pipelines.recipe.file import load_recipe
    from pipelines.vertex.commands.compile import compile_to_file

    content = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    content["vertex"] = {"images": {"data": IMAGE, "trainer": trainer_image}}
    for group, values in groups.items():
        content[group] = {**content[group], **values}
    recipe, spec = folder / "recipe.yaml", folder / "pipeline.yaml"
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")
    load_recipe(str(recipe))
    compile_to_file(str(recipe), spec, [], check=False)
    return spec


@pytest.fixture
def forked_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the process of --warm."""
    fork_warm_processes(monkeypatch)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Run the compiled spec and the recipe on the same text."""
    folder = tmp_path_factory.mktemp("spec")
    with pytest.MonkeyPatch.context() as patch:  # digests as for images with this Python
        patch.setattr("components.code_digest._image_versions", _versions_here)
        spec = compile_tiny(folder, **_with_tasks(folder))
    options = Options(text=str(REAL_TEXT), warm=True, retry=False)
    with pytest.MonkeyPatch.context() as patch:
        fork_warm_processes(patch)
        assert run_spec(str(spec), workdir=str(folder / "spec-run"), options=options) == SUCCEEDED
    recipe = str(folder / "recipe.yaml")
    text = [str(REAL_TEXT)]
    assert (
        run_recipe(RunOptions(recipe=recipe, text=text, workdir=str(folder / "run"), overrides=[]))
        == SUCCEEDED
    )
    return Runs(spec, folder / "spec-run", folder / "run")


def _with_tasks(folder: Path) -> dict[str, dict[str, object]]:
    """Return settings with two tasks, one of which is also evaluated during the training."""
    small = {"train": 16, "evaluated": 8}
    tasks = [write_polarity(folder, **small), write_plurals(folder, **small)]
    quick = {"epochs": 1, "batch_size": 8, "seeds": [1], "device": "cpu"}
    return {
        "evaluation": {"tasks": tasks, "fine_tuning": quick},
        "trainer": {"evaluate_every_steps": 3, "evaluate_tasks": ["plurals"]},
    }
