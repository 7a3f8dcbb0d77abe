"""Examples that would make a result worthless are refused, by file, line and remedy."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.downstream_evaluator.read_task import read_task, tasks_digest
from core.errors import InputError
from tests.components.downstream_evaluator.tasks import (
    settings_of,
    write_plurals,
    write_polarity,
    write_same,
)


def test_every_format_is_read(tmp_path: Path) -> None:
    polarity = read_task(settings_of(write_polarity(tmp_path)))
    assert polarity.labels == ("blame", "praise")
    assert len(polarity.train.texts) == 48
    assert '"was"' in polarity.train.texts[0][0]  # TSV has no quotes
    plurals = read_task(settings_of(write_plurals(tmp_path)))
    assert len(plurals.train.labels[0]) == 5
    same = read_task(settings_of(write_same(tmp_path)))
    assert same.train.texts[0][0].endswith(", good")
    # The last ending says how a file is written.
    settings = write_same(tmp_path)
    for split in ("train", "eval"):
        both = tmp_path / f"{split}.tsv.csv"
        settings[split] = str(Path(settings[split]).rename(both))
    assert read_task(settings_of(settings)).train == same.train
    table = {"text": ["good", "bad", "fine"], "label": [1.0, 0.0, 1.0]}
    settings = {"name": "p", "kind": "classify"}
    for split in ("train", "eval"):
        settings[split] = str(tmp_path / f"{split}.parquet")
        pq.write_table(pa.table(table), settings[split])
    parquet = read_task(settings_of(settings))
    assert parquet.labels == ("0", "1")
    assert parquet.shared() == 3


Change = Callable[[str], str]
CASES: dict[str, tuple[str, str, Change, str]] = {
    "column": (
        "polarity", "train", lambda t: t.replace("sentence", "words", 1),
        "train.tsv:1: no column 'sentence'; the columns are: words, label.",
    ),
    "new label": (
        "polarity", "eval", lambda t: f"{t}the book was good\thope\n",
        "eval.tsv:26: the label 'hope' is not in",
    ),
    "one class": (
        "polarity", "train", lambda t: t.replace("praise", "blame"),
        "all examples have the label 'blame'",
    ),
    "empty text": (
        "polarity", "eval", lambda t: f"{t}  \tblame\n", "eval.tsv:26: sentence is empty",
    ),
    "no label": ("polarity", "eval", lambda t: f"{t}good\t\n", "eval.tsv:26: the label is missing"),
    "fields": (
        "polarity", "eval", lambda t: f"{t}good\n", "eval.tsv:26: 1 fields, but the header has 2",
    ),
    "long": (
        "polarity", "eval", lambda t: f"{t}{'good ' * 15}\tblame\n",
        "eval.tsv:26: 15 words, but task polarity has room for 14 tokens",
    ),
    "empty file": ("polarity", "eval", lambda t: t.partition("\n")[0], "has no examples"),
    "tags": (
        "plurals", "eval", lambda t: f'{t}{{"words": ["a", "b"], "tags": ["other"]}}\n',
        "eval.jsonl:17: 2 words, but 1 labels",
    ),
    "json": ("plurals", "eval", lambda t: f"{t}nonsense\n", "eval.jsonl:17: not JSON"),
    "key": (
        "plurals", "eval", lambda t: f'{t}{{"words": ["a"]}}\n', "eval.jsonl:17: no column 'tags'",
    ),
    "null": (
        "plurals", "eval", lambda t: f'{t}{{"words": null, "tags": []}}\n',
        "words is missing, not text",
    ),
    "quote": ("same", "eval", lambda t: f'{t}"a book,b,1\n', "not CSV"),
    "no names": (
        "same", "eval", lambda t: f'"{"long " * 99}", "b",1\n',
        "the columns are: long long long long long long…, ",
    ),
}  # fmt: skip
WRITERS = {"polarity": write_polarity, "plurals": write_plurals, "same": write_same}


@pytest.mark.parametrize("case", CASES)
def test_bad_examples_are_refused(case: str, tmp_path: Path) -> None:
    name, split, change, message = CASES[case]
    task = WRITERS[name](tmp_path)
    path = Path(task[split])
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError) as error:
        read_task(settings_of(task))
    assert message in str(error.value)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    task = write_polarity(tmp_path)
    train = Path(task["train"])
    with pytest.raises(InputError, match="one file for train and eval"):
        read_task(settings_of(task, eval=task["train"]))
    with pytest.raises(InputError, match="no such file"):
        read_task(settings_of(task, eval=str(tmp_path / "none.tsv")))
    with pytest.raises(InputError, match=r"'praise' is not in evaluation.tasks' labels"):
        read_task(settings_of(task, labels=["blame", "other"]))
    (tmp_path / "train.txt").write_bytes(train.read_bytes())
    with pytest.raises(InputError, match=r"Name it .tsv, .csv, .jsonl or .parquet"):
        read_task(settings_of(task, train=str(tmp_path / "train.txt")))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and more")
    with pytest.raises(InputError, match="cut short or damaged"):
        read_task(settings_of(task, train=str(tmp_path / "bad.parquet")))
    train.write_bytes(train.read_bytes() + b"\xff\tblame\n")
    with pytest.raises(InputError, match=r"train.tsv:50:1: byte 0xff is not UTF-8"):
        read_task(settings_of(task))


def test_a_long_text_may_be_cut(tmp_path: Path) -> None:
    task = write_polarity(tmp_path)
    with Path(task["eval"]).open("a") as stream:
        stream.write(f"{'good ' * 15}\tblame\n")
    assert len(read_task(settings_of(task, long_texts="cut")).eval.texts) == 25


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    task = settings_of(write_polarity(tmp_path))
    before = tasks_digest([task])
    moved = tmp_path / "moved.tsv"
    Path(task.train).rename(moved)
    assert tasks_digest([task.model_copy(update={"train": str(moved)})]) == before
    moved.write_text(moved.read_text().replace("praise", "blame", 1))
    assert tasks_digest([task.model_copy(update={"train": str(moved)})]) != before
