"""Imported ALBERT tokenizers give the ids of the libraries that wrote them, or are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer

from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.writing.spiece_model import read_charsmap
from components.vocabulary_gen.writing.write_vocabulary import NewVocabulary, write_vocabulary
from core.errors import InputError
from core.vocabulary.vocabulary import load_vocabulary
from tests.real_text import ENGLISH
from tests.small_pieces import train_spiece, write_small_pieces

SENTENCES = [sentence for document in ENGLISH for sentence in document]
# As google-research/albert trained its own: "--user_defined_symbols=(,),\",-,.,–,£,€".
SYMBOLS = {"user_defined_symbols": ["(", ")", '"', "-", ".", "–", "£", "€"]}


@pytest.fixture(scope="module")
def spiece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_pieces(tmp_path_factory.mktemp("spiece"), **SYMBOLS)


def write_json(folder: Path, new: NewVocabulary, **parts: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {**json.loads(new.tokenizer.to_str()), **parts}
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")


def plain_ids(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def test_spiece_model_alone_gives_the_ids_of_the_sentencepiece_library(spiece: Path) -> None:
    new = import_vocabulary(str(spiece), "sentencepiece")
    model = SentencePieceProcessor(model_file=str(spiece / "spiece.model"))
    texts = [s.lower().replace("``", '"').replace("''", '"') for s in SENTENCES]  # as ALBERT does
    assert plain_ids(new.tokenizer, SENTENCES) == model.encode(texts)


def test_the_settings_of_the_config_are_kept(spiece: Path, tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes((spiece / "spiece.model").read_bytes())
    config = {"do_lower_case": False, "keep_accents": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    new = import_vocabulary(str(tmp_path), "sentencepiece")
    assert new.tokenizer.normalizer.normalize_str("``CafÉ''") == '"CafÉ"'
    default = import_vocabulary(str(spiece), "sentencepiece")
    assert default.tokenizer.normalizer.normalize_str("``CafÉ''") == '"cafe"'


def test_an_imported_vocabulary_can_be_written_and_loaded(spiece: Path, tmp_path: Path) -> None:
    write_vocabulary(import_vocabulary(str(spiece), "sentencepiece"), str(tmp_path))
    vocabulary = load_vocabulary(str(tmp_path))
    assert vocabulary.kind == "sentencepiece"
    assert vocabulary.files == ("spiece.model", "tokenizer.json", "tokenizer_config.json")
    assert vocabulary.tokens[:5] == ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
    assert (vocabulary.lowercase, vocabulary.strip_accents) == (True, True)


def test_a_spiece_model_is_built_from_a_tokenizer_json_alone(spiece: Path, tmp_path: Path) -> None:
    write_json(tmp_path, import_vocabulary(str(spiece), "sentencepiece"))
    new = import_vocabulary(str(tmp_path), "sentencepiece")
    model = SentencePieceProcessor(model_proto=new.spiece_model)
    original = SentencePieceProcessor(model_file=str(spiece / "spiece.model"))
    lowered = [sentence.lower() for sentence in SENTENCES]
    assert model.encode(lowered) == original.encode(lowered)
    assert [model.is_control(n) for n in range(6)] == [True, False, True, True, True, False]
    assert read_charsmap(new.spiece_model) == read_charsmap((spiece / "spiece.model").read_bytes())
    write_vocabulary(new, str(tmp_path / "out"))
    assert load_vocabulary(str(tmp_path / "out")).size == original.get_piece_size()


def test_two_files_that_contradict_each_other_are_refused(spiece: Path, tmp_path: Path) -> None:
    write_json(tmp_path, import_vocabulary(str(spiece), "sentencepiece"))
    (tmp_path / "spiece.model").write_bytes(train_spiece(size=500))
    write_vocabulary(import_vocabulary(str(tmp_path), "sentencepiece"), str(tmp_path / "out"))
    with pytest.raises(InputError, match=r"are not those of spiece\.model beside it"):
        load_vocabulary(str(tmp_path / "out"))


def test_a_model_without_the_special_tokens_of_albert_is_refused(tmp_path: Path) -> None:
    write_small_pieces(tmp_path, control_symbols=["<s>"])
    with pytest.raises(InputError, match=r"\[CLS\], \[SEP\], \[MASK\] missing.*ALBERT model"):
        import_vocabulary(str(tmp_path), "sentencepiece")


def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spiece.model").write_bytes(b"not a model")
    with pytest.raises(InputError, match="not a SentencePiece model"):
        import_vocabulary(str(tmp_path), "sentencepiece")


def test_the_kind_must_be_that_of_the_settings(spiece: Path) -> None:
    with pytest.raises(InputError, match=r"a sentencepiece vocabulary.*kind: sentencepiece"):
        import_vocabulary(str(spiece), "wordpiece")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pre_tokenizer": {"type": "WhitespaceSplit"}}, "no Metaspace"),
        ({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0]]}}, "missing"),
    ],
)
def test_a_tokenizer_that_works_differently_is_refused(
    spiece: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write_json(tmp_path, import_vocabulary(str(spiece), "sentencepiece"), **change)
    with pytest.raises(InputError, match=message):
        import_vocabulary(str(tmp_path), "sentencepiece")


def test_byte_fallback_and_duplicate_pieces_are_refused(spiece: Path, tmp_path: Path) -> None:
    new = import_vocabulary(str(spiece), "sentencepiece")
    model = json.loads(new.tokenizer.to_str())["model"]
    write_json(tmp_path, new, model={**model, "byte_fallback": True})
    with pytest.raises(InputError, match="without byte fallback"):
        import_vocabulary(str(tmp_path), "sentencepiece")
    write_json(tmp_path, new, model={**model, "vocab": [*model["vocab"], model["vocab"][9]]})
    with pytest.raises(InputError, match="two ids for one piece"):
        import_vocabulary(str(tmp_path), "sentencepiece")
