"""WordPiece training is deterministic, keeps Hangul whole and covers the characters."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from components.settings import VocabularySettings
from components.vocabulary_gen.count_sample import count_words
from components.vocabulary_gen.training import train_wordpiece
from components.vocabulary_gen.training.alphabet import choose_alphabet, count_characters
from components.vocabulary_gen.training.train_wordpiece import list_entries
from components.vocabulary_gen.writing.build_tokenizer import make_normalizer
from core.vocabulary.wordpiece import SPECIALS
from tests.real_text import ENGLISH, KOREAN

ROOT = Path(__file__).parents[4]
TRAIN = """
import hashlib
from components.settings import VocabularySettings
from components.vocabulary_gen.count_sample import count_words
from components.vocabulary_gen.training.train_wordpiece import train_wordpiece
from tests.real_text import ENGLISH, KOREAN
text = ENGLISH + KOREAN
if {backwards}:
    text = [document[::-1] for document in text[::-1]]
settings = VocabularySettings(size=3000)
tokenizer = train_wordpiece(count_words(text, settings), settings).tokenizer
print(hashlib.sha256(tokenizer.to_str().encode()).hexdigest())
"""


def train(documents: list[list[str]], **settings: object) -> list[str]:
    """The entries of a trained vocabulary, in the order of their ids."""
    values = VocabularySettings.model_validate({"size": 2000, **settings})
    words = count_words(documents, values)
    vocab = train_wordpiece.train_wordpiece(words, values).tokenizer.get_vocab()
    return sorted(vocab, key=vocab.__getitem__)


def normalizer(**settings: bool) -> Any:
    return make_normalizer(VocabularySettings.model_validate(settings))


def entries_per_character(character: str) -> int:
    return len(list_entries([character]))


def digest(backwards: bool = False, **environment: str) -> str:
    command = [sys.executable, "-c", TRAIN.format(backwards=backwards)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()


def test_hash_seed_threads_and_order_of_the_text_change_no_byte() -> None:
    digests = {
        digest(PYTHONHASHSEED="1", RAYON_NUM_THREADS="1"),
        digest(PYTHONHASHSEED="2", RAYON_NUM_THREADS="4"),
        digest(PYTHONHASHSEED="3", TOKENIZERS_PARALLELISM="false"),
        digest(backwards=True, LC_ALL="C"),
    }
    assert len(digests) == 1


def test_the_special_tokens_come_first_and_no_entry_is_duplicated() -> None:
    entries = train(ENGLISH)
    assert entries[:5] == list(SPECIALS)
    assert len(entries) == len(set(entries)) == 2000
    assert "statement" in entries


def test_a_small_text_gives_fewer_entries_than_requested() -> None:
    assert 500 < len(train(ENGLISH[:20], size=8000)) < 8000


@pytest.mark.parametrize("strip_accents", [False, True])
@pytest.mark.parametrize("lowercase", [False, True])
def test_hangul_stays_whole_with_any_setting(lowercase: bool, strip_accents: bool) -> None:
    entries = train(KOREAN, lowercase=lowercase, strip_accents=strip_accents)
    assert "데비안" in entries
    jamo = {c for entry in entries for c in entry if "\u1100" <= c <= "\u11ff"}
    assert jamo <= {"\u115f"}  # a filler that the text itself contains


def test_lowercasing_keeps_accents_unless_the_settings_strip_them() -> None:
    keep = normalizer(lowercase=True, strip_accents=False)
    strip = normalizer(lowercase=True, strip_accents=True)
    cased = normalizer(lowercase=False, strip_accents=False)
    assert keep.normalize_str("CAFE\u0301 J\u030c 한국") == "caf\u00e9 \u01f0 한국"
    assert strip.normalize_str("CAFÉ 한국") == "cafe 한국"
    assert cased.normalize_str("CAFE\u0301") == "CAF\u00c9"


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_words_are_counted_as_if_all_text_were_normalized_at_once(
    lowercase: bool, strip_accents: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = normalizer(lowercase=lowercase, strip_accents=strip_accents)
    controls = "".join(map(chr, range(128)))
    text = [*ENGLISH, *KOREAN, [controls, "J\u030c", "CAFE\u0301 漢字 İ", "\ufffd\u200b"], []]
    monkeypatch.setattr(train_wordpiece, "BATCH_DOCUMENTS", 16)
    monkeypatch.setattr(train_wordpiece, "COUNTED_BYTES", 20_000)
    monkeypatch.setattr(train_wordpiece, "KEPT_CHUNKS", 100)
    divider = pre_tokenizers.BertPreTokenizer()
    expected: Counter[str] = Counter()
    for sentences in text:
        whole = normal.normalize_str("\n".join(sentences))
        expected.update(word for word, _ in divider.pre_tokenize_str(whole))
    assert train_wordpiece.count_words(text, normal) == expected
    characters = Counter("".join(expected.elements()))
    assert count_characters(expected) == characters
    assert "\u01f0" in characters or not lowercase or strip_accents


def test_the_entries_are_those_that_the_library_learns_from_the_whole_text() -> None:
    counts = count_characters(train_wordpiece.count_words(ENGLISH + KOREAN, normalizer()))
    alphabet = choose_alphabet(counts, 2000, entries_per_character)
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIALS[1]))
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=2000,
        min_frequency=2,
        special_tokens=[*SPECIALS, *list_entries(alphabet)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(ENGLISH + KOREAN, trainer)
    learned = tokenizer.get_vocab()
    assert train(ENGLISH + KOREAN) == sorted(learned, key=learned.__getitem__)


def test_the_library_uses_threads_afterwards_if_it_did_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for before in ("true", "1"):
        monkeypatch.setenv(train_wordpiece.PARALLELISM, before)
        train(ENGLISH[:20])
        assert os.environ[train_wordpiece.PARALLELISM] == before
    monkeypatch.delenv(train_wordpiece.PARALLELISM)
    train(ENGLISH[:20])
    assert train_wordpiece.PARALLELISM not in os.environ


def test_text_of_single_characters_has_entries_for_them_alone() -> None:
    assert train([["a b . c"] * 3])[5:] == [".", "a", "b", "c", "##a", "##b", "##c"]


def test_characters_that_cover_nearly_all_text_have_entries() -> None:
    entries = set(train(ENGLISH + KOREAN, size=4000))
    counts = count_characters(train_wordpiece.count_words(ENGLISH + KOREAN, normalizer()))
    missing = {c: n for c, n in counts.items() if c not in entries}
    assert sum(missing.values()) <= 0.0001 * sum(counts.values())
    assert {"데", "##데", "a", "##a", "."} <= entries
    assert "##." not in entries  # punctuation never continues a word


def test_rare_characters_get_no_entry() -> None:
    counts = Counter({"a": 500_000, "b": 499_000, **{chr(0x2500 + n): 2 for n in range(100)}})
    assert choose_alphabet(counts, 8000, entries_per_character)[:2] == ["a", "b"]
    assert (
        len(choose_alphabet(counts, 8000, entries_per_character)) == 2 + 51
    )  # all but 98 of 999,200 characters


def test_ideographs_are_words_and_never_continue_a_word() -> None:
    assert list_entries(["a", "漢", "か", "!"]) == ["a", "漢", "か", "!", "##a", "##か"]


def test_ideographs_continue_words_if_they_are_not_split() -> None:
    assert "##漢" in list_entries(["a", "漢"], split_cjk=False)
    text = [["漢字 漢字 漢字 漢字"]] * 9
    assert "漢字" in train(text, size=64, split_cjk=False)
    assert "漢字" not in train(text, size=64, split_cjk=True)


def test_the_alphabet_leaves_room_for_merges_and_takes_frequent_characters() -> None:
    counts = Counter({chr(0xAC00 + n): 1000 - n for n in range(900)})
    alphabet = choose_alphabet(counts, 400, entries_per_character)
    assert len(list_entries(alphabet)) == 294  # 147 syllables, each alone and after ##
    assert set(alphabet) == set(list(counts)[:147])


def test_the_tokenizer_adds_special_tokens_for_other_readers() -> None:
    settings = VocabularySettings(size=1000)
    vocabulary = train_wordpiece.train_wordpiece(count_words(ENGLISH, settings), settings)
    tokenizer = vocabulary.tokenizer
    pair = tokenizer.encode("the class", "object")
    assert pair.tokens == ["[CLS]", "the", "class", "[SEP]", "object", "[SEP]"]
    assert pair.type_ids == [0, 0, 0, 0, 1, 1]
    assert vocabulary.counts["alphabet"] > 50
    assert json.loads(tokenizer.to_str())["model"]["max_input_chars_per_word"] == 100
