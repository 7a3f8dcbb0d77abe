"""Claims about near-duplicates, held against the exact Jaccard similarity of real documents."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.settings import TextSettings
from components.text_example_gen import write_documents
from components.text_example_gen.check_corpus import Corpus
from components.text_example_gen.duplicates import near_duplicates
from components.text_example_gen.duplicates.near_duplicates import band_places, find_near_duplicates
from components.text_example_gen.duplicates.signatures import (
    SIGNED,
    SignatureWriter,
    phrases_of,
    sign_document,
)
from components.text_example_gen.reading.read_documents import Document
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
    return frozenset(phrases_of(sentences))


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
    place = Corpus(str(corpus), ("*",), "", 0)
    made = write_documents.write_documents
    return made(place, TextSettings(**settings), str(folder), "code", serially)


def dropped_names(folder: Path, documents: list[Sentences], threshold: float) -> set[str]:
    writer = SignatureWriter(str(folder / "x"))
    for sentences in documents:
        writer.add(name_of(sentences), sentences, len("\n".join(sentences).encode()))
    writer.flush()
    found = find_near_duplicates(writer.paths, threshold)
    return {f"{a:016x}{b:016x}" for a, b in zip(found.high, found.low, strict=True)}


@pytest.fixture(scope="module")
def documents() -> list[Sentences]:
    """Real documents, and some of them altered a little or much."""
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


def test_what_goes_is_like_one_that_stays_and_what_stays_is_like_none(
    tmp_path: Path, documents: list[Sentences]
) -> None:
    threshold, margin = 0.7, 0.15  # of the estimate
    gone = dropped_names(tmp_path, documents, threshold)
    kept = [d for d in documents if name_of(d) not in gone]
    assert 20 < len(gone) < 61
    for document in documents:
        others = [o for o in kept if name_of(o) < name_of(document)]
        most = max((similarity(document, other) for other in others), default=0.0)
        if name_of(document) in gone:
            assert most > threshold - margin
        else:
            assert most < threshold + margin


def test_the_signature_of_a_text_is_fixed() -> None:
    signed = sign_document("0" * 31 + "1", ["The statement is executed, and then it ends."], 44)
    assert (int(signed["high"]), int(signed["low"]), int(signed["text_bytes"])) == (0, 1, 44)
    assert signed["signature"][:4].tolist() == [15750, 44274, 31035, 49475]  # by rensa 0.5.0


def test_case_punctuation_and_line_ends_make_no_phrase() -> None:
    assert phrases_of(["The cat, sat.", "On a MAT!"]) == ["the cat sat on a", "cat sat on a mat"]
    assert phrases_of(["...", "!"]) == ["... !"]
    assert phrases_of(["日本語の本"]) == ["日 本 語 の 本"]


def test_order_and_cut_of_the_files_change_no_byte(
    tmp_path: Path, documents: list[Sentences], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(put(tmp_path / "a", documents), tmp_path / "x", drop_near_duplicates=0.7)
    monkeypatch.setattr(write_documents, "UNIT_BYTES", 1 << 14)
    monkeypatch.setattr("components.text_example_gen.duplicates.signatures.HELD", 7)
    monkeypatch.setattr(near_duplicates, "AT_ONCE", 16)
    turned = documents[::-1]
    corpus = put(tmp_path / "b", turned[:90], turned[90:])
    second = write(corpus, tmp_path / "y", drop_near_duplicates=0.7)
    texts = [
        [[d.sentences for d in documents_in(tmp_path / name, made, split)] for split in made.shards]
        for name, made in (("x", first), ("y", second))
    ]
    assert texts[0] == texts[1]
    name = "dropped_near_duplicates"
    assert first.counts["all"][name] == second.counts["all"][name] > 20


def test_what_is_dropped_is_counted_and_the_rest_is_whole(
    tmp_path: Path, documents: list[Sentences]
) -> None:
    corpus = put(tmp_path / "a", documents)
    all_of_it = write(corpus, tmp_path / "x")
    fewer = write(corpus, tmp_path / "y", drop_near_duplicates=0.7)
    read = [
        {d.document_id for split in made.shards for d in documents_in(tmp_path / name, made, split)}
        for name, made in (("x", all_of_it), ("y", fewer))
    ]
    assert read[1] < read[0]
    total = sum(all_of_it.counts[split]["documents"] for split in ("train", "eval"))
    left = sum(fewer.counts[split]["documents"] for split in ("train", "eval"))
    assert total - left == fewer.counts["all"]["dropped_near_duplicates"]
    assert (
        "dropped_near_duplicates" not in all_of_it.counts["all"]
        or not all_of_it.counts["all"]["dropped_near_duplicates"]
    )
    assert all(shard.records for shards in fewer.shards.values() for shard in shards)


def test_copies_of_a_near_duplicate_go_with_it(tmp_path: Path) -> None:
    long = max(ENGLISH, key=len)
    like = altered(long, 2, 0)
    gone = dropped_names(tmp_path, [long, like, like, long, *KOREAN[:3]], 0.6)
    assert len(gone) == 1


def test_a_document_that_is_like_a_dropped_one_alone_stays(tmp_path: Path) -> None:
    """The first is like the second, the second like the third, and the first not like the third."""
    chain = np.zeros(3, SIGNED)
    chain["high"] = [1, 2, 3]
    chain["signature"] = np.arange(128)
    chain["signature"][1:, :20] += 1000
    chain["signature"][2, 20:40] += 1000
    (tmp_path / "chain").write_bytes(chain.tobytes())
    found = find_near_duplicates([str(tmp_path / "chain")], 0.8)
    assert found.high.tolist() == [2]


def test_copies_alone_are_no_near_duplicates(tmp_path: Path) -> None:
    assert dropped_names(tmp_path, [*ENGLISH[:5], *ENGLISH[:5]], 0.9) == set()


def test_no_document_no_near_duplicate(tmp_path: Path) -> None:
    assert dropped_names(tmp_path, [], 0.8) == set()


def test_a_split_that_would_be_empty_is_told(tmp_path: Path) -> None:
    long = max(ENGLISH, key=len)
    corpus = put(tmp_path / "a", [altered(long, 1, n) for n in range(12)])
    with pytest.raises(InputError, match=r"split is nearly the same .*drop_near_duplicates 0\.3"):
        write(corpus, tmp_path / "x", drop_near_duplicates=0.3, eval_fraction=0.5)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_bands_hardly_miss_a_pair_at_the_threshold(threshold: float) -> None:
    places = band_places(threshold)
    assert (1 - threshold**places) ** (128 // places) <= 0.01
    assert places == 128 or (1 - threshold ** (places + 1)) ** (128 // (places + 1)) > 0.01
