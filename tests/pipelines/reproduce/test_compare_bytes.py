"""A folder that names another commit differs from one with other content."""

from pathlib import Path

import pytest

from core.manifest import Manifest, describe_file, write_manifest
from pipelines.reproduce.compare_bytes import NOT_COMPARED, SAME_CONTENT, judge_origin


def write_model(folder: Path, weights: str, commit: str, steps: int = 6) -> Path:
    folder.mkdir()
    (folder / "weights").write_text(weights, encoding="utf-8")
    shards = {"all": [describe_file(str(folder), "weights")]}
    facts = {"git": {"commit": commit}, "steps": steps}
    write_manifest(str(folder), Manifest(kind="model", shards=shards, counts={}, facts=facts))
    return folder


@pytest.mark.parametrize(
    ("weights", "commit", "steps", "result"),
    [("a", "2", 6, SAME_CONTENT), ("b", "2", 6, None), ("a", "2", 7, None)],
    ids=["another commit", "other weights", "another fact"],
)
def test_a_manifest_may_name_another_commit(
    weights: str, commit: str, steps: int, result: str | None, tmp_path: Path
) -> None:
    before = write_model(tmp_path / "before", "a", "1")
    after = write_model(tmp_path / "after", weights, commit, steps)
    judged = judge_origin(before, after)
    assert (judged and judged[0]) == result


def test_a_page_that_names_the_commit_cannot_be_compared(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder in (before, after):
        folder.mkdir()
        (folder / "README.md").write_text(folder.name, encoding="utf-8")
    assert judge_origin(before, after) == (NOT_COMPARED, "names its origin, which differs")
    (after / "weights").write_text("w", encoding="utf-8")
    assert judge_origin(before, after) is None
