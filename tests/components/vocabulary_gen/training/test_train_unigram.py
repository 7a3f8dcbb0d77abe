"""Unigram training is deterministic and gives the same ids in every library."""

import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from components.settings import VocabularySettings
from components.vocabulary_gen.count_sample import count_words
from components.vocabulary_gen.training.alphabet import choose_alphabet
from components.vocabulary_gen.training.train_unigram import (
    MAX_WORD_BYTES,
    train_unigram,
)
from components.vocabulary_gen.writing.write_vocabulary import NewVocabulary
from core.vocabulary.tokenizer_file import VocabularyError, plain_tokenizer
from tests.real_text import ENGLISH, KOREAN

ROOT = Path(__file__).parents[4]
TRAIN = """
import hashlib
from components.settings import VocabularySettings
from components.vocabulary_gen.count_sample import count_words
from components.vocabulary_gen.training.train_unigram import train_unigram
from tests.real_text import ENGLISH, KOREAN
text = ENGLISH[:30] + KOREAN[:60]
if {backwards}:
    text = [document[::-1] for document in text[::-1]]
settings = VocabularySettings(kind="sentencepiece", size=1500)
new = train_unigram(count_words(text, settings), settings)
print(hashlib.sha256(new.tokenizer.to_str().encode() + new.spiece_model).hexdigest())
"""
ODD = [
    "CAFE\u0301 J\u030c \u0130stanbul Straße ΟΔΟΣ",
    "漢字かな交じり文",
    "a\u200bb \u00ad \ufffd",
    "\u200bthe",
]
ODD += [" x \u2581 y\u2581z  ", "[MASK] and [CLS]<unk>", "x" * 300, "ㅋㅋ ① ﬁ ㎏", "", "  ", "\t"]
JAMO = "\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165"  # 한국어, decomposed


def digest(*, backwards: bool = False, prefix: tuple[str, ...] = (), **environment: str) -> str:
    command = [*prefix, sys.executable, "-c", TRAIN.format(backwards=backwards)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    ran = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, check=True)
    return ran.stdout.decode()


def train_new(documents: list[list[str]], size: int, **options: bool) -> NewVocabulary:
    values = {"kind": "sentencepiece", "size": size, **options}
    settings = VocabularySettings.model_validate(values)
    return train_unigram(count_words(documents, settings), settings)


def train(
    documents: list[list[str]], size: int = 2000, **options: bool
) -> tuple[Tokenizer, SentencePieceProcessor, Counter[str]]:
    new = train_new(documents, size, **options)
    plain = Tokenizer.from_str(json.dumps(plain_tokenizer(json.loads(new.tokenizer.to_str()))))
    return plain, SentencePieceProcessor(model_proto=new.spiece_model), new.counts


@pytest.fixture(scope="module")
def both() -> tuple[Tokenizer, SentencePieceProcessor]:
    return train(ENGLISH + KOREAN, 3000)[:2]


def test_hash_seed_threads_cores_and_order_of_the_text_change_no_byte() -> None:
    digests = {
        digest(PYTHONHASHSEED="1", OMP_NUM_THREADS="1", RAYON_NUM_THREADS="1"),
        digest(PYTHONHASHSEED="2", OMP_NUM_THREADS="3", prefix=("taskset", "-c", "0")),
        digest(backwards=True, LC_ALL="C"),
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    "options",
    [{}, {"lowercase": False}, {"strip_accents": True}, {"split_cjk": True}],
    ids=["uncased", "cased", "no accents", "split"],
)
def test_both_files_give_the_same_ids_to_real_and_odd_text(options: dict[str, bool]) -> None:
    tokenizer, model, _ = train(ENGLISH + KOREAN, 3000, **options)
    texts = [s for document in ENGLISH + KOREAN for s in document] + ODD
    assert [tokenizer.encode(t).ids for t in texts] == model.encode(texts)


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        alphabet=st.sampled_from("Tt he l.,(-'데비안은가 \u3000漢か\u2581ÉéßİΣς\u0308\u0331<x"),
        max_size=40,
    )
)
def test_both_files_give_the_same_ids_to_any_text(
    both: tuple[Tokenizer, SentencePieceProcessor], text: str
) -> None:
    tokenizer, model = both
    normal = unicodedata.normalize("NFC", text)
    assert tokenizer.encode(normal).ids == model.encode(normal)


def test_text_between_spaces_is_tokenized_independently() -> None:
    tokenizer, _, _ = train(ENGLISH + KOREAN, 3000)
    for text in [s for document in KOREAN + ENGLISH[:20] for s in document]:
        alone = [n for chunk in text.split(" ") for n in tokenizer.encode(chunk).ids]
        assert tokenizer.encode(text).ids == alone


def test_hangul_stays_whole_and_jamo_are_composed(
    both: tuple[Tokenizer, SentencePieceProcessor],
) -> None:
    tokenizer, model = both
    assert tokenizer.encode(JAMO).ids == tokenizer.encode("한국어").ids
    assert model.encode(JAMO) == model.encode("한국어")
    pieces = [model.id_to_piece(n) for n in range(model.get_piece_size())]
    assert not {c for piece in pieces for c in piece if "\u1100" <= c <= "\u115e"}
    assert any("데비안" in piece for piece in pieces)


def test_compatibility_characters_are_unchanged() -> None:
    tokenizer, _, _ = train([*ENGLISH, ["ㅋㅋ ① ﬁ"] * 20])
    assert "".join(tokenizer.encode("ㅋㅋ ①").tokens) == "\u2581ㅋㅋ\u2581①"


def test_special_tokens_of_albert_come_first() -> None:
    _, model, _ = train(ENGLISH)
    pieces = [model.id_to_piece(n) for n in range(5)]
    assert pieces == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    assert model.pad_id() == 0
    assert model.unk_id() == 1
    assert model.bos_id() == model.eos_id() == -1
    assert [model.is_control(n) for n in range(6)] == [True, False, True, True, True, False]


def test_the_name_of_a_special_token_in_the_text_is_plain_text(
    both: tuple[Tokenizer, SentencePieceProcessor],
) -> None:
    for name in ("[MASK]", "[CLS]", "<pad>", "<unk>"):
        ids = both[0].encode(f"the {name} is").ids
        assert not {0, 2, 3, 4} & set(ids)
        assert ids == both[1].encode(f"the {name} is")


def test_no_space_is_inserted_after_a_mask() -> None:
    tokenizer = train_new(KOREAN, 1500).tokenizer
    tokens = tokenizer.encode("[MASK]은 데비안 [MASK].", add_special_tokens=False).tokens
    assert tokens == ["[MASK]", "은", "\u2581데비안", "[MASK]", "."]


def test_a_text_gives_the_requested_pieces_or_as_many_as_it_has() -> None:
    assert train(ENGLISH, 1000)[0].get_vocab_size() == 1000
    assert 100 < train(ENGLISH[:3], 8000)[0].get_vocab_size() < 4000


def test_the_alphabet_leaves_room_for_words() -> None:
    tokenizer, _, counts = train(KOREAN, 400)
    assert 280 < counts["alphabet"] <= 295
    assert counts["rare_characters"] > 100
    assert counts["rare_words"] > 100
    assert tokenizer.get_vocab_size() == 400


def test_characters_of_nearly_all_the_text_are_covered() -> None:
    characters = Counter({"a": 500_000, "b": 499_000, **{chr(0x2500 + n): 2 for n in range(100)}})
    assert len(choose_alphabet(characters, 8000)) == 2 + 51  # all but 98 of 999,200 characters
    assert choose_alphabet(characters, 10) == ["a", "b"]  # room for two


def test_words_that_sentencepiece_would_skip_are_counted() -> None:
    words = [["x" * (MAX_WORD_BYTES + 1)], ["a\u2585b"]]
    assert train(ENGLISH + words, 500)[2]["skipped_words"] == 2


def test_words_are_counted_after_normalization() -> None:
    settings = VocabularySettings(kind="sentencepiece", split_cjk=True)
    words = count_words([["The the\u00a0THE", "漢字 a\u2581b"]], settings)
    assert words == {"the": 3, "漢": 1, "字": 1, "a": 1, "b": 1}


def test_text_without_words_is_refused_with_a_remedy() -> None:
    with pytest.raises(VocabularyError, match=r"cannot train 64 pieces on 0 words .* more text"):
        train([["\u2585"]], 64)
