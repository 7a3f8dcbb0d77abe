"""A digest changes only with the code that a component runs."""

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.code_digest import (
    CODE_DIGITS,
    IMAGE_LOCK,
    OUR_PACKAGES,
    _image_versions,
    _installed_versions,
    code_digest,
    digests_for_images,
    source_closure,
)

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


def test_digests_for_images_do_not_depend_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both lines compile the same pipeline.yaml, in or out of a container."""
    with digests_for_images():
        before = code_digest(INSTANCE_GEN)
    here = code_digest(INSTANCE_GEN)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"99 of {name}")
    monkeypatch.setattr(platform, "python_version_tuple", lambda: ("3", "99", "0"))
    monkeypatch.setenv("TEXTMILL_IMAGE_DIGEST", "sha256:other")
    _installed_versions.cache_clear()
    elsewhere = code_digest(INSTANCE_GEN)
    _installed_versions.cache_clear()
    assert elsewhere[CODE_DIGITS:] != here[CODE_DIGITS:]
    assert elsewhere[:CODE_DIGITS] == here[:CODE_DIGITS] == before[:CODE_DIGITS], "the same code"
    with digests_for_images():
        assert code_digest(INSTANCE_GEN) == before


def test_digests_for_images_change_with_the_lock_of_the_images(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = tmp_path / "textmill.txt"
    lock.write_text(IMAGE_LOCK.read_text().replace("\nnumpy==", "\nnumpy==9"))
    with digests_for_images():
        before = code_digest(INSTANCE_GEN)
        monkeypatch.setattr("components.code_digest.IMAGE_LOCK", lock)
        _image_versions.cache_clear()
        after = code_digest(INSTANCE_GEN)
    _image_versions.cache_clear()
    assert after != before
