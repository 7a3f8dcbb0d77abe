"""Near-duplicates agree with the exact Jaccard similarity of real documents."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.text_example_gen import plan_units, write_documents
from components.text_example_gen.check_corpus import TextSource
from components.text_example_gen.documents import Document
from components.text_example_gen.duplicates import near_duplicates, signatures
from components.text_example_gen.duplicates.near_duplicates import find_near_duplicates
from components.text_example_gen.duplicates.signatures import (
    SIGNATURE_RECORD,
    SignatureWriter,
    band_length,
    list_phrases,
    sign_document,
)
from components.text_example_gen.writing import bucketed_file
from components.text_settings import TextSettings
from core.draw import draw
from core.errors import InputError
from core.manifest import Manifest
from tests.components.text_example_gen.test_write_documents import documents_in, put, serially
from tests.real_text import ENGLISH, KOREAN

REAL = [*ENGLISH, *KOREAN]
Sentences = list[str]


def similarity(first: Sentences, second: Sentences) -> float:
    a, b = _phrases(tuple(first)), _phrases(tuple(second))
    return len(a & b) / len(a | b)


@functools.cache
def _phrases(sentences: tuple[str, ...]) -> frozenset[str]:
    return frozenset(list_phrases(sentences))


def altered(sentences: Sentences, words: int, seed: int) -> Sentences:
    """The document with some words replaced."""
    rng = draw(seed, "alter")
    out = [sentence.split(" ") for sentence in sentences]
    for _ in range(words):
        sentence = out[rng.integers(len(out))]
        sentence[rng.integers(len(sentence))] = f"word{rng.random()}"
    return [" ".join(sentence) for sentence in out]


def name_of(sentences: Sentences) -> str:
    return Document(tuple(sentences)).document_id


def write(corpus: Path, folder: Path, **settings: Any) -> Manifest:
    settings = {"shard_bytes": 1 << 16, "eval_fraction": 0.2, **settings}
    source = TextSource(str(corpus), ("*",), "", 0)
    text_settings = TextSettings(**settings)
    return write_documents.write_documents(source, text_settings, str(folder), "code", serially)


def dropped_names(folder: Path, documents: list[Sentences], threshold: float) -> set[str]:
    with SignatureWriter(str(folder / "x"), threshold) as writer:
        for sentences in documents:
            writer.add(name_of(sentences), sentences, len("\n".join(sentences).encode()))
        part = {**writer.finish(), "signed": writer.documents}
    dropped = find_near_duplicates([part], threshold, serially, str(folder))
    return {f"{high:016x}{low:016x}" for high, low in dropped.ids.tolist()}


@pytest.fixture(scope="module")
def documents() -> list[Sentences]:
    """Real documents, and slightly or heavily altered copies of some of them."""
    long = [d for d in REAL if sum(len(s.split()) for s in d) > 60][:60]
    return REAL + [altered(d, 1 + n % 12, n) for n, d in enumerate(long)]


def test_signatures_estimate_the_similarity_of_documents(documents: list[Sentences]) -> None:
    pairs = [
        (a, b) for n, a in enumerate(documents) for b in documents[n + 1 :] if similarity(a, b) > 0
    ][:400]
    signed = {name_of(d): sign_document(name_of(d), d, 0)["signature"] for d in documents}
    errors = [
        (signed[name_of(a)] == signed[name_of(b)]).mean() - similarity(a, b) for a, b in pairs
    ]
    assert len(pairs) > 50
    assert abs(np.mean(errors)) < 0.02
    assert np.max(np.abs(errors)) < 0.2  # four standard errors


def test_dropped_documents_are_similar_to_a_kept_one_and_kept_ones_to_none(
    tmp_path: Path, documents: list[Sentences]
) -> None:
    threshold, margin = 0.7, 0.15  # of the estimated similarity
    dropped = dropped_names(tmp_path, documents, threshold)
    kept = [d for d in documents if name_of(d) not in dropped]
    assert 20 < len(dropped) < 61
    for document in documents:
        others = [o for o in kept if name_of(o) < name_of(document)]
        most = max((similarity(document, other) for other in others), default=0.0)
        if name_of(document) in dropped:
            assert most > threshold - margin
        else:
            assert most < threshold + margin


def test_signatures_do_not_change_between_versions() -> None:
    signed = sign_document("0" * 31 + "1", ["The statement is executed, and then it ends."], 44)
    assert (signed["id"].tolist(), int(signed["text_bytes"])) == ((0, 1), 44)
    assert signed["signature"][:4].tolist() == [15750, 44274, 31035, 49475]  # by rensa 0.5.0


def test_phrases_ignore_case_punctuation_and_line_ends() -> None:
    assert list_phrases(["The cat, sat.", "On a MAT!"]) == ["the cat sat on a", "cat sat on a mat"]
    assert list_phrases(["...", "!"]) == ["... !"]
    assert list_phrases(["日本語の本"]) == ["日 本 語 の 本"]


def test_order_and_division_of_the_files_change_no_byte(
    tmp_path: Path, documents: list[Sentences], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(put(tmp_path / "a", documents), tmp_path / "x", drop_near_duplicates=0.7)
    monkeypatch.setattr(plan_units, "UNIT_BYTES", 1 << 14)
    monkeypatch.setattr("components.text_example_gen.duplicates.signatures.HELD_SIGNATURES", 7)
    monkeypatch.setattr(near_duplicates, "RANGE_BYTES", 1 << 13)
    monkeypatch.setattr(bucketed_file, "MAX_PARTS", 3)
    backwards = documents[::-1]
    corpus = put(tmp_path / "b", backwards[:90], backwards[90:])
    second = write(corpus, tmp_path / "y", drop_near_duplicates=0.7)
    for split in ("train", "eval"):
        assert [d.sentences for d in documents_in(tmp_path / "x", first, split)] == [
            d.sentences for d in documents_in(tmp_path / "y", second, split)
        ]
    name = "dropped_near_duplicates"
    assert first.counts["all"][name] == second.counts["all"][name] > 20
    shown = [examples_of(manifest) for manifest in (first, second)]
    assert shown[0] == shown[1]
    by_name = {name_of(document): document for document in documents}
    assert all(similarity(by_name[dropped], by_name[kept]) > 0.55 for dropped, kept in shown[0])
    assert len(shown[0]) == near_duplicates.EXAMPLES


def examples_of(manifest: Manifest) -> list[list[str]]:
    """The ids of the pairs that the manifest shows, whose texts are there, too."""
    pairs: Any = manifest.facts["near_duplicates"]
    assert all(each["text"] and each["file"] for pair in pairs for each in pair.values())
    return [[pair[role]["document_id"] for role in ("dropped", "kept")] for pair in pairs]


def test_dropped_documents_are_counted_and_the_others_are_kept(
    tmp_path: Path, documents: list[Sentences]
) -> None:
    corpus = put(tmp_path / "a", documents)
    everything = write(corpus, tmp_path / "x")
    fewer = write(corpus, tmp_path / "y", drop_near_duplicates=0.7)
    ids = [
        {d.document_id for s in manifest.shards for d in documents_in(tmp_path / name, manifest, s)}
        for name, manifest in (("x", everything), ("y", fewer))
    ]
    assert ids[1] < ids[0]
    total = sum(everything.counts[split]["documents"] for split in ("train", "eval"))
    left = sum(fewer.counts[split]["documents"] for split in ("train", "eval"))
    assert total - left == fewer.counts["all"]["dropped_near_duplicates"]
    assert (
        "dropped_near_duplicates" not in everything.counts["all"]
        or not everything.counts["all"]["dropped_near_duplicates"]
    )
    assert all(shard.records for shards in fewer.shards.values() for shard in shards)


def test_copies_of_a_near_duplicate_are_dropped_with_it(tmp_path: Path) -> None:
    long = max(ENGLISH, key=len)
    similar = altered(long, 2, 0)
    documents = [long, similar, similar, long, *KOREAN[:3]]
    assert len(dropped_names(tmp_path, documents, 0.6)) == 1


def test_a_document_that_is_similar_only_to_a_dropped_one_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is similar to the first and to the third, but the first not to the third."""
    chain = np.zeros(3, SIGNATURE_RECORD)
    chain["id"]["high"] = [1, 2, 3]
    chain["signature"] = np.arange(128)
    chain["signature"][1:, :20] += 1000
    chain["signature"][2, 20:40] += 1000
    monkeypatch.setattr(signatures, "sign_document", lambda name, *_: chain[int(name) - 1])
    with SignatureWriter(str(tmp_path / "x"), 0.8) as writer:
        for name in ("1", "2", "3"):
            writer.add(name, [], 0)
        part = {**writer.finish(), "signed": 3}
    dropped = find_near_duplicates([part], 0.8, serially, str(tmp_path))
    assert dropped.ids["high"].tolist() == [2]


def test_exact_copies_are_not_near_duplicates(tmp_path: Path) -> None:
    assert dropped_names(tmp_path, [*ENGLISH[:5], *ENGLISH[:5]], 0.9) == set()


def test_without_documents_there_are_no_near_duplicates(tmp_path: Path) -> None:
    assert dropped_names(tmp_path, [], 0.8) == set()


def test_a_split_that_would_become_empty_is_refused(tmp_path: Path) -> None:
    long = max(ENGLISH, key=len)
    corpus = put(tmp_path / "a", [altered(long, 1, n) for n in range(12)])
    with pytest.raises(InputError, match=r"split is nearly the same .*drop_near_duplicates 0\.3"):
        write(corpus, tmp_path / "x", drop_near_duplicates=0.3, eval_fraction=0.5)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_bands_hardly_miss_a_pair_at_the_threshold(threshold: float) -> None:
    length = band_length(threshold)
    assert (1 - threshold**length) ** (128 // length) <= 0.01
    assert length == 128 or (1 - threshold ** (length + 1)) ** (128 // (length + 1)) > 0.01
