"""Two runs are compared in one sentence, and every part that differs is listed."""

import shutil
from pathlib import Path

import pytest

from components.records import RecordError
from core.errors import InputError
from pipelines.lineage.compare.compare import compare_runs
from pipelines.lineage.compare.differences import Change
from pipelines.lineage.compare.explain import format_value
from pipelines.metadata.archive import Archive
from tests.pipelines.lineage.conftest import NEW_TEXT, History
from tests.pipelines.lineage.mill import Mill
from tests.pipelines.lineage.mill_folders import PROSE


def sentence(archive: Archive, before: str, after: str) -> str:
    runs = archive.graph.runs
    return compare_runs(archive, runs[before], runs[after]).sentence


def test_a_changed_setting_is_the_only_explanation(archive: Archive, history: History) -> None:
    assert sentence(archive, history.first, history.changed) == (
        "same text and code; `trainer.learning_rate` 1e-4 → 5e-4; loss 3.91 → 3.72"
    )


def test_a_repeated_run_has_the_same_model(archive: Archive, history: History) -> None:
    explanation = sentence(archive, history.changed, history.repeated)
    assert explanation == "same text, code and settings; both have the same model"


def test_different_documents_are_counted_and_the_blessing_is_compared(
    archive: Archive, history: History
) -> None:
    assert sentence(archive, history.changed, history.new_text) == (
        "same code and settings; text: 1 document added, 1 removed; "
        "loss 3.72 → 4.20; no longer blessed"
    )


def test_failed_and_killed_runs_name_the_node_at_which_they_ended(
    archive: Archive, history: History
) -> None:
    explanation = sentence(archive, history.failed, history.killed)
    assert explanation.endswith(
        f"{history.failed} failed at Trainer; {history.killed} interrupted at Trainer"
    )
    assert "`trainer.steps` 200 → 300" in explanation


def test_documents_are_identified_by_the_digest_of_their_sentences(
    archive: Archive, history: History
) -> None:
    import hashlib

    runs = archive.graph.runs
    corpus = compare_runs(archive, runs[history.first], runs[history.new_text]).corpus
    assert corpus is not None
    gone, new = (hashlib.sha256("\n".join(d).encode()).hexdigest()[:32]
                 for d in (PROSE[0], NEW_TEXT[-1]))  # fmt: skip
    assert (corpus.removed_ids, corpus.added_ids) == ((gone,), (new,))
    assert (corpus.before, corpus.after) == (5, 5)


def test_different_code_is_reported_with_its_commits(tmp_path: Path) -> None:
    mill = Mill(tmp_path)
    first = mill.run(commit="a" * 40)
    second = mill.run(commit="b" * 40, dirty=True, trainer_code="0123456789abcdef")
    archive = Archive(tmp_path)
    explanation = sentence(archive, first, second)
    assert explanation == "same text and settings; different code in Trainer (aaaaaaaa → bbbbbbbb+)"
    comparison = compare_runs(archive, *archive.graph.runs.values())
    assert comparison.code == (Change("Trainer", "5c7db48c", "01234567"),)
    assert {c.name for c in comparison.commits} == {
        "Trainer", "ModelEvaluator", "ModelCardGen", "Pusher",
    }, "cached nodes are of the older commit on both sides"  # fmt: skip


def test_duplicate_documents_are_counted_by_their_number_of_occurrences(tmp_path: Path) -> None:
    mill = Mill(tmp_path)
    first, second = mill.run(), mill.run(documents=[*PROSE, PROSE[1], PROSE[1]])
    archive = Archive(tmp_path)
    assert "text: 2 documents added" in sentence(archive, first, second)


def test_damaged_and_missing_text_is_reported(history: History, tmp_path: Path) -> None:
    shutil.copytree(history.workdir, tmp_path / "work")
    archive = Archive(tmp_path / "work")
    (shard,) = (tmp_path / "work").glob("artifacts/tiny/TextExampleGen/examples/1/Split-train/*")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-9])
    with pytest.raises(RecordError, match="truncated or changed"):
        sentence(archive, history.first, history.new_text)
    shard.unlink()
    with pytest.raises(InputError, match=r"missing, .* lineage verify"):
        sentence(archive, history.first, history.new_text)


@pytest.mark.parametrize(
    ("value", "words"),
    [(1e-4, "1e-4"), (0.00025, "2.5e-4"), (0.15, "0.15"), (None, "none"), (True, "yes"),
     (12000, "12,000"), (0.0, "0"), ("x" * 50, "x" * 31 + "…"), (3e8, "3e8")],
)  # fmt: skip
def test_values_are_formatted_as_people_write_them(value: object, words: str) -> None:
    assert format_value(value) == words
