"""A folder that names another commit is not one with other bytes."""

import json
from pathlib import Path

import pytest

from core.manifest import Manifest, describe_file, write_manifest
from pipelines.reproduce.compare_bytes import _differ_in_origin


def write_model(folder: Path, weights: str, commit: str, steps: int = 6) -> Path:
    folder.mkdir()
    (folder / "weights").write_text(weights, encoding="utf-8")
    shards = {"all": [describe_file(str(folder), "weights")]}
    facts = {"git": {"commit": commit}, "steps": steps}
    write_manifest(str(folder), Manifest(kind="model", shards=shards, counts={}, facts=facts))
    return folder


@pytest.mark.parametrize(
    ("weights", "commit", "steps", "only_origin"),
    [("a", "2", 6, True), ("b", "2", 6, False), ("a", "2", 7, False)],
    ids=["another commit", "other weights", "another fact"],
)
def test_only_commit_and_machine_may_differ(
    weights: str, commit: str, steps: int, only_origin: bool, tmp_path: Path
) -> None:
    before = write_model(tmp_path / "before", "a", "1")
    after = write_model(tmp_path / "after", weights, commit, steps)
    assert _differ_in_origin(before, after) is only_origin


def test_a_card_names_the_commit_and_a_report_does_not(tmp_path: Path) -> None:
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text(name, encoding="utf-8")
    assert _differ_in_origin(tmp_path / "before", tmp_path / "after")
    for name in ("before", "after"):
        (tmp_path / name / "report.html").write_text(json.dumps(name), encoding="utf-8")
    assert not _differ_in_origin(tmp_path / "before", tmp_path / "after")
