"""Reading and checking a vocabulary."""

import json
import unicodedata
from pathlib import Path

import pytest

from core.errors import InputError
from core.manifest import Manifest, write_manifest
from core.vocabulary.tokenizer_file import normalizer_flags
from core.vocabulary.vocabulary import load_vocabulary
from core.vocabulary.wordpiece import parse_vocab
from tests.small_vocabulary import ENTRIES, write_small_vocabulary


def test_ids_are_line_numbers(tmp_path: Path) -> None:
    vocabulary = load_vocabulary(str(write_small_vocabulary(tmp_path)))
    assert (vocabulary.pad_id, vocabulary.unk_id, vocabulary.cls_id) == (0, 1, 2)
    assert (vocabulary.sep_id, vocabulary.mask_id) == (3, 4)
    assert vocabulary.size == len(ENTRIES) == len(vocabulary.tokens)
    assert vocabulary.tokens.index("method") == 9


def test_specials_and_unused_entries_are_never_drawn(tmp_path: Path) -> None:
    assert load_vocabulary(str(write_small_vocabulary(tmp_path))).special_ids == (0, 1, 2, 3, 4, 5)


def test_only_pieces_after_the_prefix_continue_a_word(tmp_path: Path) -> None:
    entries = [*ENTRIES, "##", "#"]  # the prefix alone is a piece of its own: two hash signs
    vocabulary = load_vocabulary(str(write_small_vocabulary(tmp_path, entries)))
    continuing = [t for t, c in zip(vocabulary.tokens, vocabulary.continuation, strict=True) if c]
    assert continuing == ["##es", "##어"]


def test_the_arrays_cannot_be_changed(tmp_path: Path) -> None:
    vocabulary = load_vocabulary(str(write_small_vocabulary(tmp_path)))
    for array in (vocabulary.continuation, vocabulary.ends_word):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = True


def test_a_literal_special_in_the_text_is_text(tmp_path: Path) -> None:
    vocabulary = load_vocabulary(str(write_small_vocabulary(tmp_path)))
    ids = vocabulary.tokenizer().encode("the [MASK] [CLS] classes").ids
    assert not {vocabulary.pad_id, vocabulary.cls_id, vocabulary.mask_id} & set(ids)
    assert [vocabulary.tokens[n] for n in ids][-2:] == ["class", "##es"]


def test_the_tokenizer_adds_no_specials_and_keeps_hangul_whole(tmp_path: Path) -> None:
    tokenizer = load_vocabulary(str(write_small_vocabulary(tmp_path))).tokenizer()
    decomposed = unicodedata.normalize("NFD", "한국어")  # as jamo
    assert tokenizer.encode("한국어").tokens == ["한국", "##어"]
    assert tokenizer.encode(decomposed).tokens == ["한국", "##어"]


def test_lowercasing_and_accent_stripping_are_separate_flags(tmp_path: Path) -> None:
    vocabulary = load_vocabulary(str(write_small_vocabulary(tmp_path)))
    assert (vocabulary.lowercase, vocabulary.strip_accents) == (True, False)
    bert = {"type": "BertNormalizer", "lowercase": True, "strip_accents": None}
    assert normalizer_flags(bert) == (True, True)  # null follows lowercase, as in BERT
    assert normalizer_flags({**bert, "lowercase": False}) == (False, False)
    assert normalizer_flags({"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}) == (
        True,
        False,
    )
    assert normalizer_flags(None) == (False, False)


def test_equal_files_have_equal_digests_and_one_byte_changes_it(tmp_path: Path) -> None:
    first = load_vocabulary(str(write_small_vocabulary(tmp_path / "a")))
    again = load_vocabulary(str(write_small_vocabulary(tmp_path / "b")))
    other = load_vocabulary(str(write_small_vocabulary(tmp_path / "c", [*ENTRIES, "!"])))
    assert first.digest == again.digest != other.digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n", r"vocab.txt: \[MASK\] missing"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nof\nthe\n", r"vocab.txt:8: .*in line 6,"),
        (b"[PAD]\n[UNK]\n\n[CLS]\n[SEP]\n[MASK]\n", r"vocab.txt:3: an empty entry"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n \n", r"vocab.txt:6: an empty entry"),
        (b"[PAD]\r\n[UNK]\r\n", r"vocab.txt:1: the line ends with CRLF"),
        ("[PAD]\n한국\n".encode("cp949"), r"vocab.txt: byte 6 is not UTF-8"),
        (b"", r"vocab.txt: \[PAD\], \[UNK\], \[CLS\], \[SEP\], \[MASK\] missing"),
    ],
)
def test_a_bad_vocab_file_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_vocab(content, "vocab.txt")


def test_an_unusual_line_separator_is_part_of_its_entry() -> None:
    content = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\u2028b\n".encode()
    assert parse_vocab(content, "vocab.txt")[5] == "a\u2028b"


def test_an_entry_that_is_not_nfc_is_refused(tmp_path: Path) -> None:
    write_small_vocabulary(tmp_path, [*ENTRIES, "e\u0301"])
    with pytest.raises(InputError, match=r"entry 15 .* is not NFC"):
        load_vocabulary(str(tmp_path))


def test_files_of_two_vocabularies_are_refused(tmp_path: Path) -> None:
    write_small_vocabulary(tmp_path)
    swapped = [*ENTRIES[:6], "class", "the", *ENTRIES[8:]]
    (tmp_path / "vocab.txt").write_text("".join(f"{e}\n" for e in swapped), encoding="utf-8")
    with pytest.raises(InputError, match="two files are of different vocabularies"):
        load_vocabulary(str(tmp_path))


def test_another_vocabulary_than_the_manifest_names_is_refused(tmp_path: Path) -> None:
    write_small_vocabulary(tmp_path)
    facts = {"digest": "0" * 64}
    write_manifest(str(tmp_path), Manifest(kind="vocabulary", shards={}, counts={}, facts=facts))
    with pytest.raises(InputError, match="are not what was written"):
        load_vocabulary(str(tmp_path))


def test_a_tokenizer_that_reads_specials_out_of_text_is_refused(tmp_path: Path) -> None:
    write_small_vocabulary(tmp_path)
    path = tmp_path / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["pre_tokenizer"] = {"type": "WhitespaceSplit"}
    tokenizer["normalizer"] = None
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(InputError, match="becomes the special's id"):
        load_vocabulary(str(tmp_path))


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (write_small_vocabulary(tmp_path) / name).unlink()
    with pytest.raises(InputError, match=f"no {name}"):
        load_vocabulary(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "the model is None"),
        ('{"model": 3}', "the model is None"),
        ('{"model": {"type": "WordPiece"}}', "the `tokenizers` library cannot read it"),
    ],
)
def test_a_damaged_tokenizer_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (write_small_vocabulary(tmp_path) / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=f"tokenizer.json: {message}"):
        load_vocabulary(str(tmp_path))


def test_a_tokenizer_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = write_small_vocabulary(tmp_path) / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["model"]["type"] = "BPE"
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(InputError, match="the model is BPE"):
        load_vocabulary(str(tmp_path))
