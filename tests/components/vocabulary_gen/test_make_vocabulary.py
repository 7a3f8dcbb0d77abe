"""The vocabulary artifact is complete, measured on the text, and refused if it does not fit."""

from pathlib import Path
from typing import Any

import pytest

from components.settings import VocabularySettings
from components.vocabulary_gen.checking import count_differing, measure_unknown
from components.vocabulary_gen.count_sample import count_sample, count_words
from components.vocabulary_gen.make_vocabulary import make_vocabulary
from components.vocabulary_gen.text_sample import sample_text
from core.errors import InputError
from core.manifest import Manifest, read_manifest, verify_shards
from core.vocabulary.vocabulary import load_vocabulary
from tests.components.vocabulary_gen.folders import process_here, write_documents
from tests.real_text import ENGLISH, KOREAN
from tests.small_pieces import train_spiece
from tests.small_vocabulary import write_small_vocabulary


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_documents(tmp_path_factory.mktemp("english"), ENGLISH)


@pytest.fixture(scope="module")
def korean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_documents(tmp_path_factory.mktemp("korean"), KOREAN)


def make(documents: Path, folder: Path, **settings: Any) -> Manifest:
    values = {"size": 2000, **settings}
    settings = VocabularySettings(**values)
    return make_vocabulary(str(documents), settings, str(folder), "code", process_here)


def test_the_vocabulary_can_be_loaded_and_agrees_with_the_manifest(
    english: Path, tmp_path: Path
) -> None:
    manifest = make(english, tmp_path)
    assert read_manifest(str(tmp_path)) == manifest
    verify_shards(str(tmp_path), manifest)
    vocabulary = load_vocabulary(str(tmp_path))
    assert manifest.facts["digest"] == vocabulary.digest
    assert manifest.facts["vocab_size"] == manifest.counts["all"]["vocab_size"] == 2000
    assert manifest.facts["special_ids"] == {
        "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4,
    }  # fmt: skip
    assert (manifest.facts["lowercase"], manifest.facts["strip_accents"]) == (True, False)
    assert manifest.counts["all"]["missing_entries"] == 0


def test_making_it_twice_gives_equal_bytes(english: Path, tmp_path: Path) -> None:
    assert make(english, tmp_path / "a") == make(english, tmp_path / "b")


def test_only_the_train_split_is_used(english: Path, tmp_path: Path) -> None:
    manifest = make(english, tmp_path)
    assert manifest.counts["all"]["trained_bytes"] == sum(
        len(sentence.encode()) for document in ENGLISH for sentence in document
    )


def test_unknown_words_equal_a_count_word_by_word(korean: Path, tmp_path: Path) -> None:
    manifest = make(korean, tmp_path, size=3000, max_unknown_rate=0.01)
    tokenizer = load_vocabulary(str(tmp_path)).tokenizer()
    words = unknown = 0
    for sentence in (s for document in KOREAN for s in document):
        normal = tokenizer.normalizer.normalize_str(sentence)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal):
            words += 1
            unknown += tokenizer.encode(word).tokens == ["[UNK]"]
    assert manifest.counts["all"]["measured_words"] == words
    assert manifest.counts["all"]["unknown_words"] == unknown
    assert unknown / words < 0.005


def test_too_many_unknown_words_are_refused_with_their_characters(
    english: Path, korean: Path, tmp_path: Path
) -> None:
    make(english, tmp_path / "english")
    message = (
        r"[\d.]+% of the train split's words are \[UNK\], more than .*\(1\.00%\) allows\. "
        r".* lacks: '다' \(U\+B2E4\) \d+ times.* Import a vocabulary of the text's languages"
    )
    with pytest.raises(InputError, match=message):
        make(korean, tmp_path / "out", import_from=str(tmp_path / "english"))
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_size_too_small_for_the_script_is_refused_with_a_remedy(
    korean: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"Raise vocabulary\.size"):
        make(korean, tmp_path, size=300)


def test_an_import_keeps_its_tokens(english: Path, tmp_path: Path) -> None:
    theirs = write_small_vocabulary(tmp_path / "theirs")
    manifest = make(english, tmp_path / "ours", import_from=str(theirs), max_unknown_rate=1.0)
    ours, original = (load_vocabulary(str(tmp_path / name)) for name in ("ours", "theirs"))
    assert ours.tokens == original.tokens
    assert manifest.facts["imported_from"] == str(theirs)
    assert "missing_entries" not in manifest.counts["all"]


def test_overlong_words_are_unknown_without_unknown_characters(tmp_path: Path) -> None:
    make(write_documents(tmp_path / "d", [*ENGLISH, ["the " + "x" * 101]]), tmp_path / "v")
    tokenizer = load_vocabulary(str(tmp_path / "v")).tokenizer()
    measurement = measure_unknown(tokenizer, 1, [["x" * 101, "the"]])
    assert (measurement.words, measurement.unknown_words) == (2, 1)
    assert measurement.unknown_characters == ()


@pytest.mark.parametrize("text", ["english", "korean"])
def test_sentencepiece_knows_nearly_every_word_and_its_two_files_agree(
    text: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    documents = request.getfixturevalue(text)
    manifest = make(documents, tmp_path, kind="sentencepiece", size=3000)
    counts = manifest.counts["all"]
    assert counts["differing_sentences"] == 0
    assert counts["unknown_words"] < 0.005 * counts["measured_words"]
    assert manifest.facts["kind"] == "sentencepiece"
    assert [shard.path for shard in manifest.shards["all"]] == [
        "spiece.model", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    verify_shards(str(tmp_path), manifest)


def test_files_that_disagree_on_the_text_are_refused(english: Path, tmp_path: Path) -> None:
    make(english, tmp_path, kind="sentencepiece", size=1000)
    tokenizer = load_vocabulary(str(tmp_path)).tokenizer()
    other = train_spiece(size=500)
    with pytest.raises(InputError, match=r"give different ids to [\d,]+ of [\d,]+ sentences"):
        count_differing(tokenizer, other, ENGLISH)


def test_a_sample_has_the_requested_size_and_can_be_read_again(english: Path) -> None:
    sample = sample_text(str(english), read_manifest(str(english)), 20_000)
    first = list(sample)
    assert 20_000 <= sample.text_bytes < 40_000
    assert list(sample) == first
    assert first == [*ENGLISH[0::2], *ENGLISH[1::2]][: len(first)]


@pytest.mark.parametrize("kind", ["wordpiece", "sentencepiece"])
@pytest.mark.parametrize("sample_bytes", [1024, 20_000, 24_000, 1 << 28])
@pytest.mark.parametrize("known_bytes", [None, 10, 25_000])
def test_the_words_of_the_sample_are_counted_shard_by_shard(
    kind: Any, sample_bytes: int, known_bytes: int | None, tmp_path: Path
) -> None:
    """The manifest's number of bytes only says how many shards are worth counting at once."""
    folder = str(write_documents(tmp_path / "documents", ENGLISH, num_shards=7))
    documents = read_manifest(folder)
    if known_bytes is not None:
        documents.counts["train"] = {"text_bytes": known_bytes}
    settings = VocabularySettings(kind=kind, sample_bytes=sample_bytes)
    sample = sample_text(folder, documents, sample_bytes)
    expected = count_words(sample, settings)
    scratch = str(tmp_path / "scratch")
    counted = count_sample(folder, documents, settings, process_here, scratch)
    assert counted == (expected, sample.text_bytes)
