"""Documents with a held-out text of a task are counted, and dropped if asked."""

import json
from pathlib import Path

import pytest

from components.text_example_gen.contamination import (
    Contamination,
    HeldOutFile,
    HeldOutTexts,
)
from core.exit import SUCCEEDED
from core.manifest import read_manifest
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from tests.components.downstream_evaluator.tasks import task, write_polarity

RECIPE = Path(__file__).parents[2] / "pipelines/tiny.yaml"
TEXT = "The quick brown fox jumps over the lazy dog, again and again."


def held_out(folder: Path, ngram: int) -> HeldOutTexts:
    (folder / "eval.jsonl").write_text(
        json.dumps({"a": TEXT, "b": ["Words", "of", "a", "list", "."]}) + "\n"
    )
    file = HeldOutFile(eval=str(folder / "eval.jsonl"), columns=("a", "b"))
    return HeldOutTexts(files=(file,), digest="0", ngram=ngram, drop=True)


def test_a_run_of_words_is_looked_for_across_sentences(tmp_path: Path) -> None:
    contamination = Contamination(held_out(tmp_path, 5))
    assert contamination.holds(["See the quick", "BROWN fox -- jumps high."])
    assert not contamination.holds(["The quick brown fox walks over the lazy cat."])
    assert not contamination.holds(["words of a list"])  # four words; such texts are too short
    assert Contamination(held_out(tmp_path, 4)).holds(["Words of a list"])
    assert not contamination.holds([])


@pytest.mark.slow
@pytest.mark.parametrize("drop", [False, True])
def test_a_run_counts_or_drops_contaminated_documents(drop: bool, tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    documents = [f"Document number {n} is about nothing.\nIt ends." for n in range(20)]
    documents.append(f"This one holds it.\n{TEXT}")
    (tmp_path / "text/a.txt").write_text("\n\n".join(documents) + "\n")
    write_polarity(tmp_path)
    with (tmp_path / "polarity-eval.tsv").open("a") as stream:
        stream.write(f"{TEXT}\tblame\n")
    tasks = json.dumps([task(tmp_path, "polarity", "classify", "tsv", text="sentence")])
    settings = f"{{ngram: 8, drop: {str(drop).lower()}}}"
    options = RunOptions(
        recipe=str(RECIPE),
        text=[str(tmp_path / "text")],
        workdir=str(tmp_path / "work"),
        overrides=[f"evaluation.tasks={tasks}", f"evaluation.decontaminate={settings}"],
        to_node="TextExampleGen",
    )
    assert run_recipe(options) == SUCCEEDED
    (folder,) = (tmp_path / "work/artifacts/tiny/TextExampleGen/examples").iterdir()
    manifest = read_manifest(str(folder))
    assert manifest.counts["all"]["contaminated_documents"] == 1
    written = sum(manifest.counts[split]["documents"] for split in ("train", "eval"))
    assert written == (20 if drop else 21)
