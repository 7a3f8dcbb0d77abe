"""The documents artifact has the right splits, shards, counts and bytes."""

import gzip
import hashlib
import itertools
import json
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.records import read_records
from components.text_example_gen import plan_units, write_documents
from components.text_example_gen.check_corpus import TextSource
from components.text_example_gen.documents import Document
from components.text_example_gen.reading.find_files import find_files
from components.text_example_gen.reading.fingerprint import corpus_digest, fingerprint
from components.text_example_gen.writing import bucketed_file, runs
from components.text_example_gen.writing.shards import cut_shards
from components.text_settings import TextSettings
from core.errors import InputError
from core.manifest import Manifest, read_manifest, verify_shards
from tests.real_text import ENGLISH, KOREAN

Sentences = Sequence[Sequence[str]]
REAL = [*ENGLISH, *KOREAN]


def serially(
    work: Callable[[dict[str, Any]], Any], units: Sequence[dict[str, Any]], scratch: str
) -> list[Any]:
    return [work(unit) for unit in units]


def put(folder: Path, *files: Sentences) -> Path:
    folder.mkdir(parents=True)
    for number, documents in enumerate(files):
        text = "\n\n".join("\n".join(document) for document in documents)
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def write(corpus: Path, folder: Path, *, driver: str = "", **settings: Any) -> Manifest:
    settings = {"shard_bytes": 1 << 16, "eval_fraction": 0.2, **settings}
    return write_documents.write_documents(
        TextSource(str(corpus), ["*"], driver, 3),
        TextSettings(**settings),
        str(folder),
        "code",
        serially,
    )


def documents_in(folder: Path, manifest: Manifest, split: str) -> list[Document]:
    """Read the shards with TensorFlow, not with our own decoder."""
    documents = []
    for shard in manifest.shards[split]:
        for record in read_records(str(folder / shard.path)):
            features = tf.train.Example.FromString(record).features.feature
            sentences = tuple(v.decode() for v in features["sentences"].bytes_list.value)
            (name,) = features["document_id"].bytes_list.value
            assert Document(sentences).document_id == name.decode()
            documents.append(Document(sentences))
    return documents


def test_every_document_is_in_exactly_one_split(tmp_path: Path) -> None:
    manifest = write(put(tmp_path / "c", REAL), tmp_path / "out")
    train = documents_in(tmp_path / "out", manifest, "train")
    held_out = documents_in(tmp_path / "out", manifest, "eval")
    assert sorted(d.sentences for d in train + held_out) == sorted(map(tuple, REAL))
    assert not set(train) & set(held_out)
    assert 0.1 < len(held_out) / len(REAL) < 0.3


def test_counts_equal_a_recount_of_the_records(tmp_path: Path) -> None:
    manifest = write(put(tmp_path / "c", ENGLISH, KOREAN), tmp_path / "out")
    for split in ("train", "eval"):
        documents = documents_in(tmp_path / "out", manifest, split)
        assert manifest.counts[split] == {
            "documents": len(documents),
            "sentences": sum(len(d.sentences) for d in documents),
            "text_bytes": sum(len(d.content) for d in documents),
        }
    assert manifest.counts["all"]["files"] == 2
    assert manifest.counts["all"]["duplicate_documents"] == 0


def test_the_manifest_describes_what_was_written(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", REAL)
    manifest = write(corpus, tmp_path / "out")
    assert read_manifest(str(tmp_path / "out")) == manifest
    verify_shards(str(tmp_path / "out"), manifest)
    assert manifest.facts["corpus_digest"] == fingerprint(find_files(str(corpus), ["*"]))
    assert (manifest.facts["span"], manifest.facts["code_digest"]) == (3, "code")


def test_documents_are_shuffled_over_the_whole_corpus(tmp_path: Path) -> None:
    manifest = write(put(tmp_path / "c", ENGLISH, KOREAN), tmp_path / "out")
    is_korean = [
        d.sentences in set(map(tuple, KOREAN)) for d in documents_in_order(tmp_path, manifest)
    ]
    changes = sum(a != b for a, b in itertools.pairwise(is_korean))
    assert changes > len(is_korean) / 4  # two files one after the other would change once


def documents_in_order(tmp_path: Path, manifest: Manifest) -> list[Document]:
    documents = documents_in(tmp_path / "out", manifest, "train")
    assert [d.document_id for d in documents] == sorted(d.document_id for d in documents)
    return documents


def shards_of(folder: Path) -> dict[str, list[tuple[bytes, ...]]]:
    """The sentences of every shard's documents, without the source file names."""
    shards = {}
    for path in sorted(folder.glob("Split-*/*")):
        records = []
        for record in read_records(str(path)):
            features = tf.train.Example.FromString(record).features.feature
            records.append(tuple(features["sentences"].bytes_list.value))
        shards[str(path.relative_to(folder))] = records
    return shards


def test_shards_do_not_depend_on_order_and_division_of_the_files(tmp_path: Path) -> None:
    write(put(tmp_path / "a", REAL), tmp_path / "out_a")
    write(put(tmp_path / "b", *[REAL[n::7] for n in range(7)][::-1]), tmp_path / "out_b")
    assert shards_of(tmp_path / "out_a") == shards_of(tmp_path / "out_b")
    assert len(shards_of(tmp_path / "out_a")) == 3  # two of train, one of eval


def test_the_digest_of_each_file_is_written(tmp_path: Path) -> None:
    manifest = write(put(tmp_path / "a", ENGLISH, KOREAN), tmp_path / "out")
    lines = (tmp_path / "out" / "files.jsonl").read_text(encoding="utf-8").splitlines()
    files = [json.loads(line) for line in lines]
    assert [file["sha256"] for file in files] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((tmp_path / "a").iterdir())
    ]
    pairs = [(file["name"], file["sha256"]) for file in files]
    assert corpus_digest(pairs) == manifest.facts["corpus_digest"]


def test_bytes_do_not_depend_on_units_runs_line_ends_and_compression(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = put(tmp_path / "c", ENGLISH, KOREAN)
    first = write(corpus, tmp_path / "out_a")
    for path in corpus.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.setattr(plan_units, "UNIT_BYTES", 1 << 13)
    monkeypatch.setattr(bucketed_file, "MAX_PARTS", 3)
    monkeypatch.setattr(runs, "PART_BYTES", 10_000)
    second = write(corpus, tmp_path / "out_b")
    assert first.shards == second.shards
    assert first.counts == second.counts
    for path in list(corpus.iterdir()):
        (corpus / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    third = write(corpus, tmp_path / "out_c")
    assert shards_of(tmp_path / "out_a") == shards_of(tmp_path / "out_c")
    assert third.counts["train"] == first.counts["train"]


def test_duplicates_are_always_counted_and_dropped_only_on_request(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", ENGLISH, [*KOREAN, *ENGLISH[:10]], ENGLISH[:5])
    kept = write(corpus, tmp_path / "kept")
    dropped = write(corpus, tmp_path / "dropped", drop_duplicates=True)
    assert kept.counts["all"]["duplicate_documents"] == 15
    assert kept.counts["all"]["dropped_duplicates"] == 0
    assert dropped.counts["all"]["dropped_duplicates"] == 15
    count = sum(dropped.counts[split]["documents"] for split in ("train", "eval"))
    assert count == len(REAL)
    assert sum(kept.counts[split]["documents"] for split in ("train", "eval")) == count + 15


def test_shards_are_of_even_size_and_none_is_empty() -> None:
    rng = np.random.default_rng(5)
    text_bytes = np.zeros(1 << 14, np.int64)
    text_bytes[rng.integers(0, 1 << 14, 4000)] = rng.integers(100, 5000, 4000)
    cuts = cut_shards(text_bytes, 1 << 16)
    sizes = [int(text_bytes[a:b].sum()) for a, b in cuts]
    assert cuts[0][0] == 0
    assert cuts[-1][1] == 1 << 14
    assert all(a[1] == b[0] for a, b in itertools.pairwise(cuts))
    assert max(sizes) - min(sizes) < 3 * 5000
    huge = np.zeros(1 << 14, np.int64)
    huge[[5, 9]] = 1 << 20, 10
    assert cut_shards(huge, 1 << 16) == [(0, 9), (9, 1 << 14)]


@pytest.mark.parametrize(("megabytes", "shards"), [(0.5, 1), (1.5, 1), (6, 6), (30, 8), (100, 12)])
def test_small_splits_have_smaller_shards_so_that_every_worker_has_one(
    megabytes: float, shards: int
) -> None:
    text_bytes = np.full(1 << 14, round(megabytes * (1 << 20) / (1 << 14)), np.int64)
    assert len(cut_shards(text_bytes, 8 << 20)) == shards


def test_an_empty_split_is_refused_with_the_setting_that_fills_it(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", ENGLISH[:4])
    with pytest.raises(InputError, match="No document falls into the eval split") as caught:
        write(corpus, tmp_path / "out", eval_fraction=0.0001)
    share = float(str(caught.value).split("eval_fraction to ")[1].split(" or more")[0])
    manifest = write(corpus, tmp_path / "again", eval_fraction=share)
    assert manifest.counts["eval"]["documents"] == 1
    with pytest.raises(InputError, match=r"the train split .* or less"):
        write(corpus, tmp_path / "train", eval_fraction=0.9999)


def test_a_single_document_is_refused_and_its_end_is_named(
    tmp_path: Path,
) -> None:
    corpus = put(tmp_path / "c", ENGLISH[:1])
    message = (
        r"ends with a file \(text\.document_end: file\)\. Give more documents or set "
        r"text\.document_end to blank_line\."
    )
    with pytest.raises(InputError, match=message):
        write(corpus, tmp_path / "out", form="prose")
    with pytest.raises(InputError, match=r"Give more documents, with a blank line between them\."):
        write(corpus, tmp_path / "lines")


def test_text_without_a_sentence_is_refused(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", [], [[" ", "\t"]])
    with pytest.raises(InputError, match=r"c: 2 files without a single sentence"):
        write(corpus, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_too_many_skipped_lines_are_refused_and_the_first_is_shown(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", ENGLISH)
    (corpus / "bad.txt").write_bytes(b"fine\nnot \xff fine\n")
    manifest = write(corpus, tmp_path / "out", on_bad_line="skip", max_bad_fraction=0.01)
    assert manifest.counts["all"]["bad_encoding"] == 1
    message = r"1 of [\d,]+ lines are bad, .*max_bad_fraction \(0\.0001\).*bad\.txt:2:5: byte 0xff"
    with pytest.raises(InputError, match=message):
        write(corpus, tmp_path / "two", on_bad_line="skip", max_bad_fraction=0.0001)


def test_text_that_changed_after_its_fingerprint_is_refused(tmp_path: Path) -> None:
    corpus = put(tmp_path / "c", REAL)
    before = fingerprint(find_files(str(corpus), ["*"]))
    write(corpus, tmp_path / "same", driver=before)
    (corpus / "0.txt").write_text("something else\n", encoding="utf-8")
    with pytest.raises(InputError, match="the text changed after its fingerprint was taken"):
        write(corpus, tmp_path / "out", driver=before)
    write(put(tmp_path / "d", REAL), tmp_path / "stock", driver="split:text,num_files:1")


def peak_bytes(corpus: Path, folder: Path) -> int:
    tracemalloc.start()
    write(corpus, folder, shard_bytes=1 << 18)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "PART_BYTES", 1 << 18)
    monkeypatch.setattr(bucketed_file, "MAX_PARTS", 4)
    copies = [[[f"Copy {n}.", *document] for document in REAL] for n in range(30)]
    small = peak_bytes(put(tmp_path / "small", *copies[:10]), tmp_path / "out_small")
    large = peak_bytes(put(tmp_path / "large", *copies), tmp_path / "out_large")
    assert sum(p.stat().st_size for p in (tmp_path / "large").iterdir()) > 4_500_000
    assert large < 1.15 * small
