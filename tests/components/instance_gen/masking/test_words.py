"""Words are those that a reader sees, for any tokenizer, with and without spaces."""

import functools
import itertools
import re

import numpy as np
import pytest

from components.instance_gen.masking import mask_batch, word_numbers
from components.instance_gen.pairing.assemble import UnmaskedBatch, assemble, ordinary_ids
from components.instance_gen.pairing.token_ranges import TokenRanges
from core.draw import draw
from core.vocabulary.vocabulary import Vocabulary
from tests.components.instance_gen.pieces import CHINESE, JAPANESE, train_pieces
from tests.real_text import ENGLISH, KOREAN
from trainer.settings.masking import MaskingSettings

SEQ_LENGTH = 256
tokenizer_of = functools.cache(Vocabulary.tokenizer)  # reads a file


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return train_pieces(tmp_path_factory.mktemp("pieces"), "sentencepiece", split_cjk=False)


@pytest.fixture(scope="module")
def wordpieces(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return train_pieces(tmp_path_factory.mktemp("wordpieces"), "wordpiece", split_cjk=True)


@pytest.fixture(scope="module", params=["pieces", "wordpieces"])
def either(request: pytest.FixtureRequest) -> Vocabulary:
    return request.getfixturevalue(request.param)


def batch_of(vocabulary: Vocabulary, first: str, second: str = "") -> UnmaskedBatch:
    """Assemble one pair of segments; the second may be empty."""
    codes = tokenizer_of(vocabulary).encode_batch([first, second])
    ids = np.array([n for code in codes for n in code.ids], np.int32)
    sizes = [np.array([len(code.ids)]) for code in codes]
    ranges = TokenRanges(np.zeros(1, np.int64), sizes[0], sizes[0], sizes[1], np.zeros(1, np.int64))
    return assemble(ids, ranges, SEQ_LENGTH, vocabulary)


def words_of(vocabulary: Vocabulary, batch: UnmaskedBatch) -> list[str]:
    """Return the words of a single input as written, without special tokens."""
    places = np.flatnonzero(batch.maskable[0] | (batch.input_ids[0] == vocabulary.unk_id))
    numbers = word_numbers(batch)[0]
    words = itertools.groupby(places.tolist(), key=lambda place: numbers[place])
    texts = [
        "".join(vocabulary.tokens[batch.input_ids[0, place]] for place in group)
        for _, group in words
    ]
    return [text.replace("##", "").replace("\u2581", "") for text in texts]


def is_mixed(vocabulary: Vocabulary, batch: UnmaskedBatch) -> bool:
    """Return whether a piece is unknown or has punctuation inside ("3.8")."""
    pieces = [vocabulary.tokens[n] for n in batch.input_ids[batch.maskable]]
    is_unknown = bool((batch.input_ids == vocabulary.unk_id).any())
    return is_unknown or any(len(re.findall(r"[^\W_]+", piece)) > 1 for piece in pieces)


@pytest.mark.parametrize("text", [ENGLISH, KOREAN], ids=["english", "korean"])
def test_words_of_real_text_end_at_spaces_and_punctuation(
    either: Vocabulary, text: list[list[str]]
) -> None:
    checked = 0
    for sentence in (s for document in text for s in document):
        batch = batch_of(either, sentence[:400])
        if is_mixed(either, batch):
            continue
        parts = [re.findall(r"[^\W_]+", word) for word in words_of(either, batch)]
        assert max(map(len, parts)) <= 1
        assert list(itertools.chain(*parts)) == re.findall(r"[^\W_]+", sentence[:400].lower())
        checked += 1
    assert checked > 400


def test_an_eojeol_is_one_word_with_its_endings(either: Vocabulary) -> None:
    words = words_of(either, batch_of(either, "데비안은 배포판에서 사용자에게, (설치할) 패키지를!"))
    expected = ["데비안은", "배포판에서", "사용자에게", ",", "(", "설치할", ")", "패키지를", "!"]
    assert [word for word in words if word] == expected


@pytest.mark.parametrize("sentence", [*JAPANESE, *CHINESE])
def test_a_han_character_is_a_word_in_wordpiece(wordpieces: Vocabulary, sentence: str) -> None:
    words = words_of(wordpieces, batch_of(wordpieces, sentence))
    assert "".join(words) == sentence
    assert all(len(word) == 1 for word in words if re.search("[\u4e00-\u9fff]", word))


@pytest.mark.parametrize("sentence", [*JAPANESE, *CHINESE])
def test_without_spaces_every_sentencepiece_is_a_word(pieces: Vocabulary, sentence: str) -> None:
    batch = batch_of(pieces, sentence)
    words = words_of(pieces, batch)
    assert "".join(words) == sentence
    assert batch.word_starts[batch.maskable].all()
    assert len(words) == batch.maskable.sum()


def test_text_after_punctuation_without_a_space_begins_a_word(pieces: Vocabulary) -> None:
    words = words_of(pieces, batch_of(pieces, "class(object)-method"))
    assert [word for word in words if word] == ["class", "(", "object", ")", "-", "method"]


def test_special_tokens_are_words_and_separate_segments(either: Vocabulary) -> None:
    batch = batch_of(either, "the class", "is executed")
    is_special = np.isin(batch.input_ids[0], [either.cls_id, either.sep_id, either.pad_id])
    assert batch.word_starts[0, is_special].all()
    after = np.flatnonzero(is_special[:-1]) + 1
    assert batch.word_starts[0, after].all()


def test_an_unknown_token_does_not_split_its_word(pieces: Vocabulary) -> None:
    batch = batch_of(pieces, "the cl\u2603ss is")
    word = word_numbers(batch)[0]
    (unknown,) = np.flatnonzero(batch.input_ids[0] == pieces.unk_id)
    assert word[unknown - 1] == word[unknown] == word[unknown + 1]


@pytest.mark.parametrize("unit", ["word", "ngram"])
def test_korean_words_are_masked_whole(either: Vocabulary, unit: str) -> None:
    sentences = [s for document in KOREAN for s in document if len(s) > 60][:100]
    for seed, sentence in enumerate(sentences):
        batch = batch_of(either, sentence)
        masked = mask_batch(
            batch,
            masking=MaskingSettings(unit=unit, mask_share=1.0, random_share=0.0),
            max_predictions=40,
            mask_id=either.mask_id,
            random_ids=ordinary_ids(either),
            rng=draw(seed, "mask"),
        )
        is_masked = (masked.input_ids == either.mask_id)[0]
        word = word_numbers(batch)[0]
        hidden = set(word[is_masked].tolist())
        assert hidden
        assert not hidden & set(word[~is_masked & batch.maskable[0]].tolist())
