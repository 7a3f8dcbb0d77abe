"""Where words begin, and reading a SentencePiece vocabulary."""

from pathlib import Path

import numpy as np
import pytest

from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.writing.write_vocabulary import write_vocabulary
from core.errors import InputError
from core.vocabulary.unigram import continues_word, ends_word
from core.vocabulary.vocabulary import load_vocabulary, read_files_digest, read_tokens
from tests.small_pieces import write_small_pieces


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    spiece = write_small_pieces(tmp_path / "theirs")
    write_vocabulary(import_vocabulary(str(spiece), "sentencepiece"), str(tmp_path / "ours"))
    return tmp_path / "ours"


@pytest.mark.parametrize(
    ("piece", "continues", "ends"),
    [
        ("\u2581the", False, False),
        ("ing", True, False),
        ("\u2581", False, False),  # the first letter of the word follows
        ("은", True, False),  # an eojeol is one word
        ("\u2581데비안", False, False),
        (",", False, True),
        ("\u2581(", False, True),
        ("...", False, True),
        ("…", False, True),
        ("n't", True, False),
        ("漢字", False, True),  # in scripts without spaces, a piece is the closest thing to a word
        ("かな", False, True),
        ("ไทย", False, True),
        ("é", True, False),
        ("7", True, False),
    ],
)
def test_where_a_word_begins(piece: str, continues: bool, ends: bool) -> None:
    assert (continues_word(piece), ends_word(piece)) == (continues, ends)


def test_specials_are_words_of_their_own_and_unknown_text_is_part_of_a_word(folder: Path) -> None:
    vocabulary = load_vocabulary(str(folder))
    assert vocabulary.special_ids == (0, 1, 2, 3, 4)
    assert vocabulary.named_ids == {"<pad>": 0, "<unk>": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    assert vocabulary.continuation[:5].tolist() == [False, True, False, False, False]
    assert vocabulary.ends_word[:5].tolist() == [True, False, True, True, True]


def test_the_digest_is_that_of_the_files_and_there_is_none_without_them(folder: Path) -> None:
    assert read_files_digest(str(folder)) == load_vocabulary(str(folder)).digest
    (folder / "spiece.model").unlink()
    assert read_files_digest(str(folder)) is None


def test_the_words_of_a_sentence_are_those_between_spaces_and_punctuation(folder: Path) -> None:
    vocabulary = load_vocabulary(str(folder))
    ids = np.array(vocabulary.tokenizer().encode("The (statement) is, of course, executed.").ids)
    starts = ~vocabulary.continuation[ids]
    starts[1:] |= vocabulary.ends_word[ids[:-1]]
    tokens = [vocabulary.tokens[n] for n in ids]
    words = ["".join(tokens[a:b]) for a, b in _spans(np.flatnonzero(starts), len(ids))]
    assert [word.removeprefix("\u2581") for word in words if word != "\u2581"] == [
        "the", "(", "statement", ")", "is", ",", "of", "course", ",", "executed", ".",
    ]  # fmt: skip


def _spans(starts: np.ndarray, end: int) -> list[tuple[int, int]]:
    return list(zip(starts.tolist(), [*starts[1:].tolist(), end], strict=True))


def test_the_name_of_a_special_in_the_text_is_text(folder: Path) -> None:
    vocabulary = load_vocabulary(str(folder))
    assert not {0, 2, 3, 4} & set(vocabulary.tokenizer().encode("the [MASK] <pad> [CLS]").ids)


@pytest.mark.parametrize("name", ["spiece.model", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"no {name}"):
        load_vocabulary(str(folder))


def test_a_damaged_model_is_refused(folder: Path) -> None:
    content = (folder / "spiece.model").read_bytes()
    (folder / "spiece.model").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"spiece\.model"):
        load_vocabulary(str(folder))


def test_the_tokens_are_the_same_in_each_file(folder: Path) -> None:
    tokens = load_vocabulary(str(folder)).tokens
    for name in ("spiece.model", "tokenizer.json"):
        path = folder / name
        assert read_tokens(str(folder)) == (str(path), tokens)
        path.unlink()
    assert read_tokens(str(folder)) is None
