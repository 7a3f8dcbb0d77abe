"""Folders written by `transformers` are imported unchanged, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from components.vocabulary_gen.importing import import_digest, import_vocabulary
from core.errors import InputError
from tests.small_vocabulary import ENTRIES, write_small_vocabulary

WORDPIECE = {
    "type": "WordPiece",
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}


def import_tokenizer(folder: str) -> Tokenizer:
    return import_vocabulary(folder, "wordpiece").tokenizer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small_vocabulary(tmp_path / "theirs")


def change(folder: Path, **parts: Any) -> None:
    path = folder / "tokenizer.json"
    parsed = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**parsed, **parts}), encoding="utf-8")


def test_ids_and_normalizer_are_kept(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    theirs = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    ours = json.loads(import_tokenizer(str(folder)).to_str())
    assert ours["model"] == theirs["model"]
    assert ours["normalizer"] == theirs["normalizer"]


def test_saved_truncation_and_padding_are_removed(folder: Path) -> None:
    cut = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    change(folder, truncation=cut)
    tokenizer = import_tokenizer(str(folder))
    assert len(tokenizer.encode("the class the class the class the class").ids) == 8


@pytest.mark.parametrize(
    ("config", "text", "tokens"),
    [
        ({}, "The MÉTHOD", ["the", "method"]),  # BERT's defaults: lowercase, strip accents
        ({"do_lower_case": False}, "the The", ["the", "[UNK]"]),
        ({"strip_accents": False}, "THE méthod", ["the", "[UNK]"]),
    ],
)
def test_vocab_txt_alone_gets_the_normalizer_of_bert(
    folder: Path, config: dict[str, Any], text: str, tokens: list[str]
) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert import_tokenizer(str(folder)).encode(text, add_special_tokens=False).tokens == tokens


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"neither tokenizer\.json nor vocab\.txt nor spiece\.model"
    ):
        import_tokenizer(str(tmp_path))


def test_another_kind_of_tokenizer_is_refused(folder: Path) -> None:
    change(folder, model={"type": "BPE", "vocab": {}, "merges": []})
    with pytest.raises(InputError, match=r"tokenizer\.json: the model is BPE"):
        import_tokenizer(str(folder))


def test_a_vocabulary_of_the_other_kind_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a wordpiece vocabulary, .* Set vocabulary\.kind: wordp"):
        import_vocabulary(str(folder), "sentencepiece")


def test_ids_with_a_gap_are_refused(folder: Path) -> None:
    vocab = {entry: 2 * n for n, entry in enumerate(ENTRIES)}
    change(folder, model={**WORDPIECE, "vocab": vocab})
    with pytest.raises(InputError, match="the ids are not 0 to 13"):
        import_tokenizer(str(folder))


def test_a_missing_special_token_is_refused(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    vocab = {entry: n for n, entry in enumerate(e for e in ENTRIES if e != "[MASK]")}
    change(folder, added_tokens=[], model={**WORDPIECE, "vocab": vocab})
    with pytest.raises(InputError, match=r"tokenizer\.json: \[MASK\] missing"):
        import_tokenizer(str(folder))


def test_two_files_that_contradict_each_other_are_refused(folder: Path) -> None:
    with (folder / "vocab.txt").open("a", encoding="utf-8") as stream:
        stream.write("more\n")
    with pytest.raises(InputError, match=r"differ from those of vocab\.txt in the same folder"):
        import_tokenizer(str(folder))


@pytest.mark.parametrize("content", ["{", "[]", '{"model": null}', "[" * 100_000])
def test_a_damaged_file_is_refused(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"tokenizer\.json: (not JSON|not a JSON|the model is )"):
        import_tokenizer(str(folder))


def test_a_file_that_the_library_cannot_read_is_refused(folder: Path) -> None:
    change(folder, pre_tokenizer={"type": "OfTheFuture"})
    with pytest.raises(InputError, match="library cannot read it"):
        import_tokenizer(str(folder))


def test_the_digest_changes_with_the_imported_files_only(folder: Path) -> None:
    before = import_digest(str(folder))
    (folder / "unrelated.bin").write_bytes(b"x")
    assert import_digest(str(folder)) == before
    change(folder, normalizer=None)
    assert import_digest(str(folder)) != before
    assert import_digest(None) == ""


def test_a_published_model_is_imported_from_its_own_folder_and_the_one_inside(
    tmp_path: Path,
) -> None:
    published = tmp_path / "published" / "demo" / "1"
    inner = write_small_vocabulary(published / "transformers")
    tokenizers = [import_tokenizer(str(path)).to_str() for path in (published, inner)]
    assert tokenizers[0] == tokenizers[1]
    assert import_digest(str(published)) == import_digest(str(inner)) != import_digest("/none")
