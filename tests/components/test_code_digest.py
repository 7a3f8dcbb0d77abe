"""A digest changes only with the code that a component runs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.code_digest import OUR_PACKAGES, source_closure

TOP = Path(__file__).parents[2]
ASK = (
    "import sys; from components.code_digest import code_digest as d; print(*map(d, sys.argv[1:]))"
)
INSTANCE_GEN, RUN_FN = "components.instance_gen.executor", "trainer.run_fn"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for package in OUR_PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(TOP / package, tmp_path / package, ignore=ignore)
    return tmp_path


def digests(checkout: Path) -> list[str]:
    command = [sys.executable, "-c", ASK, INSTANCE_GEN, RUN_FN]
    output = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return output.stdout.split()


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        (
            "components/instance_gen/pairing/segment_pairs.py",
            [True, False],
        ),  # a helper of the executor
        ("components/records.py", [True, False]),
        ("trainer/loop/loop.py", [False, True]),
        ("core/manifest.py", [True, True]),
        ("pipelines/cli.py", [False, False]),
        ("components/corpus_report/component.py", [False, False]),
    ],
)
def test_an_edit_changes_the_digests_of_importing_modules(
    checkout: Path, edited: str, changes: list[bool]
) -> None:
    before = digests(checkout)
    with (checkout / edited).open("a", encoding="utf-8") as source:
        source.write("\n# an edit\n")
    assert [a != b for a, b in zip(before, digests(checkout), strict=True)] == changes


def test_imports_inside_functions_count() -> None:
    assert "pipelines.recipe.work" in source_closure("pipelines.cli")
