"""Write the files of tiny tasks, whose text is ours."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluation_settings import TaskSettings

GOOD, BAD, THINGS = ["good", "fine", "warm"], ["bad", "dull", "cold"], ["film", "book"]


def write_polarity(folder: Path, train: int = 48, evaluated: int = 24) -> dict[str, Any]:
    """Write sentences that praise or blame, as TSV."""
    for split, count in (("train", train), ("eval", evaluated)):
        rng = np.random.default_rng(count)
        lines = ["sentence\tlabel\n"]
        for _ in range(count):
            label = rng.choice(["praise", "blame"])
            word = rng.choice(GOOD if label == "praise" else BAD)
            lines.append(f'the {rng.choice(THINGS)} "was" {word}\t{label}\n')
        (folder / f"polarity-{split}.tsv").write_text("".join(lines))
    return task(folder, "polarity", "classify", "tsv", text="sentence")


def write_plurals(folder: Path, train: int = 32, evaluated: int = 16) -> dict[str, Any]:
    """Write words with the tag of a plural or another word, as JSONL."""
    for split, count in (("train", train), ("eval", evaluated)):
        rng = np.random.default_rng(count)
        with (folder / f"plurals-{split}.jsonl").open("w") as stream:
            for _ in range(count):
                words = [str(w) for w in rng.choice([*GOOD, *THINGS, "films", "books"], 5)]
                tags = ["many" if w.endswith("s") else "other" for w in words]
                stream.write(json.dumps({"words": words, "tags": tags}) + "\n")
    return task(folder, "plurals", "tag", "jsonl", text="words", label="tags", metric="macro_f1")


def write_same(folder: Path, train: int = 32, evaluated: int = 16) -> dict[str, Any]:
    """Write pairs that name the same thing or not, as CSV with quotes."""
    for split, count in (("train", train), ("eval", evaluated)):
        rng = np.random.default_rng(count)
        with (folder / f"same-{split}.csv").open("w", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["a", "b", "same"])
            for _ in range(count):
                one, other = (str(word) for word in rng.choice(THINGS, 2))
                rows.writerow([f"a {one}, good", f"the {other} is bad", int(one == other)])
    return task(folder, "same", "pair", "csv", text="a", text_pair="b", label="same")


def task(folder: Path, name: str, kind: str, ending: str, **settings: object) -> dict[str, Any]:
    """Return the settings of a task as a recipe has them."""
    paths = {split: str(folder / f"{name}-{split}.{ending}") for split in ("train", "eval")}
    return {"name": name, "kind": kind, "seq_length": 16, **paths, **settings}


def settings_of(task: dict[str, Any], **changes: object) -> TaskSettings:
    """Validate the settings of a task."""
    return TaskSettings.model_validate({**task, **changes})
