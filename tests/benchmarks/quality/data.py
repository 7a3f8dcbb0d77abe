"""Text and labeled tasks for the benchmark, from packages of Debian.

They are downloaded, read and removed. Use them for measurements only: python3-pattern says that its
corpora are for personal use.
"""

import csv
import functools
import gzip
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.real_text import write_html, write_paragraphs

PAGES = {  # package: its pages in English
    "anarchism": "*.html",
    "debian-handbook": "html/en-US/*.html",
    "postgresql-doc-15": "*.html",
    "racket-doc": "*.html",
}
EVALUATED = 1000  # examples of each task
TRAINED = 1000  # at most
MANY = 1 << 40  # bytes
Example = dict[str, Any]


def make_data(folder: Path) -> tuple[list[str], list[str]]:
    """Write the text and the examples, unless they are there.

    Returns:
        Patterns of text files, and the tasks in YAML, as in `evaluation.tasks`.
    """
    text, examples = folder.absolute() / "text", folder.absolute() / "examples"
    text.mkdir(parents=True, exist_ok=True)
    for package, pattern in PAGES.items():
        write = functools.partial(write_html, size_bytes=MANY, pattern=pattern)
        _make(text / f"{package}.txt", package, write)
    _make(text / "dictionary.txt", "dict-gcide", _write_dictionary)
    _make(text / "reviews.txt", "python3-pattern", _write_reviews)
    _make(examples, "python3-pattern", _write_examples)
    kinds = {
        "polarity": "classify, seq_length: 40",
        "uncertainty": "classify, seq_length: 40",
        "speech": "tag, seq_length: 40",
        "next": "pair, text_pair: text_pair, seq_length: 64",
    }
    tasks = [
        f"{{name: {name}, kind: {kind}, long_texts: cut, "
        f"train: {examples}/{name}-train.jsonl, eval: {examples}/{name}-eval.jsonl}}"
        for name, kind in kinds.items()
    ]
    return [str(text / "*.txt")], tasks


def _make(target: Path, package: str, write: Callable[[Path, Path], Any]) -> None:
    """Download a package, and let a function write a file or folder from it."""
    if target.exists():
        return
    partial = target.with_name(f".{target.name}.partial")
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        subprocess.run(["apt-get", "download", "-qq", package], check=True, cwd=scratch)
        (archive,) = Path(scratch).glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", str(archive), f"{scratch}/root"], check=True)
        write(Path(scratch, "root"), partial)
    partial.rename(target)


def _write_dictionary(root: Path, target: Path) -> None:
    """Write the entries of Webster's dictionary, a document each fifty."""
    (source,) = root.rglob("*.dict.dz")
    text = gzip.decompress(source.read_bytes()).decode("utf-8", "replace")
    text = re.sub(r"\[1913 Webster\]|\[PJC\]|[{}\\]", " ", text)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    whole = [p for p in paragraphs if len(p) >= 20]
    write_paragraphs(target, (whole[n : n + 50] for n in range(0, len(whole), 50)), MANY)


def _write_reviews(root: Path, target: Path) -> None:
    """Write reviews of films; the polarity task has other reviews, by other authors."""
    rows = _read_csv(root, "polarity-en-pang&lee1.csv")
    write_paragraphs(
        target, ([" ".join(s.split()) for s in text.split("\n")] for _, text in rows), MANY
    )


def _write_examples(root: Path, target: Path) -> None:
    target.mkdir()
    for name, file in (
        ("polarity", "polarity-en-pang&lee2.csv"),
        ("uncertainty", "uncertainty-conll2010.csv"),
    ):
        labeled = {" ".join(text.split()): label for label, text in _read_csv(root, file)}
        _divide(target, name, ({"text": t, "label": int(v)} for t, v in labeled.items() if t))
    (tagged,) = root.rglob("tagged-en-oanc.txt")
    lines = tagged.read_text(encoding="utf-8").splitlines()
    sentences = (example for line in dict.fromkeys(lines) if (example := _tagged(line)))
    _divide(target, "speech", sentences)
    _divide(target, "next", _pairs([_tagged(line) for line in lines]))


def _tagged(line: str) -> Example | None:
    """Return a sentence of 5 to 40 words with their tags: `The/DT cat/NN`."""
    words = [word.rpartition("/") for word in line.split()]
    if not 5 <= len(words) <= 40 or not all(word and tag.strip("/") for word, _, tag in words):
        return None
    return {"text": [word for word, _, _ in words], "label": [tag for _, _, tag in words]}


def _pairs(sentences: list[Example | None]) -> Iterator[Example]:
    """Pair neighbors of 5 to 20 words; half of the pairs get the second sentence of another pair.

    No sentence is in two pairs, so that none says anything about another.
    """
    texts = [
        " ".join(each["text"]) if each and len(each["text"]) <= 20 else "" for each in sentences
    ]
    pairs = [pair for pair in zip(texts[::2], texts[1::2], strict=False) if all(pair)]
    pairs.sort(key=lambda pair: hashlib.sha256(" ".join(pair).encode()).digest())
    half = len(pairs) // 2
    for first, second in pairs[:half]:
        yield {"text": first, "text_pair": second, "label": "next"}
    others = pairs[half + 1 :] + pairs[half : half + 1]
    for (first, _), (_, second) in zip(pairs[half:], others, strict=True):
        yield {"text": first, "text_pair": second, "label": "random"}


def _divide(folder: Path, name: str, examples: Iterable[Example]) -> None:
    """Write examples in an order by chance, those with a label that training lacks left out."""
    rows = sorted(examples, key=lambda row: hashlib.sha256(json.dumps(row).encode()).digest())
    train, held_out = rows[EVALUATED:][:TRAINED], rows[:EVALUATED]
    known = {label for row in train for label in _labels(row)}
    held_out = [row for row in held_out if known.issuperset(_labels(row))]
    for split, part in (("train", train), ("eval", held_out)):
        lines = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"{name}-{split}.jsonl").write_text(lines, encoding="utf-8")


def _labels(row: Example) -> list[Any]:
    return row["label"] if isinstance(row["label"], list) else [row["label"]]


def _read_csv(root: Path, name: str) -> Iterator[Sequence[str]]:
    (path,) = root.rglob(name)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        yield from csv.reader(stream)
