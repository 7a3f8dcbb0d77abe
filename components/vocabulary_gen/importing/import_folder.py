"""A folder that `transformers` wrote to a tokenizer that keeps its entries and its normaliser."""

import hashlib
from typing import Any

from tokenizers import Tokenizer, normalizers

from components.vocabulary_gen.importing.import_unigram import (
    unigram_from_json,
    unigram_from_spiece,
)
from components.vocabulary_gen.made import Made
from components.vocabulary_gen.training.train_wordpiece import make_tokenizer
from core import storage
from core.json_object import parse_object
from core.settings import LATEST_BLESSED
from core.vocabulary.tokenizer_file import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    Kind,
    VocabularyError,
    model_kind,
    parse_tokenizer,
)
from core.vocabulary.unigram import PIECE_SPECIALS, SPIECE_FILE
from core.vocabulary.wordpiece import SPECIALS, VOCAB_FILE, parse_vocab

FILES = (TOKENIZER_FILE, VOCAB_FILE, SPIECE_FILE, CONFIG_FILE)


def import_vocabulary(folder: str, kind: Kind) -> Made:
    """Reads tokenizer.json, or else vocab.txt or spiece.model with tokenizer_config.json.

    Raises:
        VocabularyError: none is there, they contradict each other, a special is missing, or the
            vocabulary is of the other kind.
    """
    contents = _contents(folder)
    if TOKENIZER_FILE in contents:
        path = storage.join(folder, TOKENIZER_FILE)
        found = model_kind(parse_object(contents[TOKENIZER_FILE], path, VocabularyError), path)
    elif VOCAB_FILE not in contents and SPIECE_FILE not in contents:
        raise VocabularyError(
            f"{folder}: neither {TOKENIZER_FILE} nor {VOCAB_FILE} nor {SPIECE_FILE}. Set "
            f"vocabulary.import_from to a folder that `transformers` wrote with save_pretrained."
        )
    else:
        found = "wordpiece" if VOCAB_FILE in contents else "sentencepiece"
    if found != kind:
        raise VocabularyError(
            f"{folder}: a {found} vocabulary, and vocabulary.kind says {kind}. Set "
            f"vocabulary.kind: {found}, or import another folder."
        )
    make = _wordpiece if kind == "wordpiece" else _sentencepiece
    return make(contents, folder)


def import_digest(folder: str | None) -> str:
    """The digest of what an import reads; "" where no folder is imported."""
    if folder is None or folder == LATEST_BLESSED:
        return ""
    digest = hashlib.sha256()
    for name, content in sorted(_contents(folder).items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _contents(folder: str) -> dict[str, bytes]:
    paths = {name: storage.join(folder, name) for name in FILES}
    return {name: storage.read_bytes(p) for name, p in paths.items() if storage.exists(p)}


def _wordpiece(contents: dict[str, bytes], folder: str) -> Made:
    listed = contents.get(VOCAB_FILE)
    tokens = parse_vocab(listed, storage.join(folder, VOCAB_FILE)) if listed is not None else ()
    if TOKENIZER_FILE not in contents:
        vocab = {token: n for n, token in enumerate(tokens)}
        tokenizer = make_tokenizer(vocab, _bert_normalizer(_config(contents, folder)))
        return Made("wordpiece", tokenizer)
    path = storage.join(folder, TOKENIZER_FILE)
    parsed, tokenizer = _with_specials(contents[TOKENIZER_FILE], path, SPECIALS)
    _check_entries(parsed, tokens, path)
    return Made("wordpiece", tokenizer)


def _sentencepiece(contents: dict[str, bytes], folder: str) -> Made:
    spiece = contents.get(SPIECE_FILE)
    if TOKENIZER_FILE not in contents:
        model = unigram_from_spiece(spiece or b"", _config(contents, folder), folder)
        return Made("sentencepiece", *model)
    path = storage.join(folder, TOKENIZER_FILE)
    parsed, tokenizer = _with_specials(contents[TOKENIZER_FILE], path, PIECE_SPECIALS)
    return Made("sentencepiece", tokenizer, unigram_from_json(parsed, spiece, folder))


def _check_entries(parsed: dict[str, Any], tokens: tuple[str, ...], path: str) -> None:
    vocab: dict[str, int] = parsed["model"]["vocab"]
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise VocabularyError(
            f"{path}: the ids are not 0 to {len(vocab) - 1:,}, each once. Take the tokenizer from "
            f"its source again."
        )
    lines = sorted(vocab, key=lambda token: vocab[token])
    parse_vocab("".join(f"{line}\n" for line in lines).encode(), path)
    if tokens and tuple(lines) != tokens:
        raise VocabularyError(
            f"{path}: its entries are not those of {VOCAB_FILE} beside it. Delete the one that is "
            f"not the model's."
        )


def _with_specials(
    content: bytes, path: str, specials: tuple[str, ...]
) -> tuple[dict[str, Any], Tokenizer]:
    """Return the parsed file, and the tokenizer with the specials added."""
    parsed, tokenizer = parse_tokenizer(content, path)
    tokenizer.no_truncation()  # instances are cut by InstanceGen, and padded
    tokenizer.no_padding()
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokenizer.add_special_tokens([name for name in specials if name not in added])
    return parsed, tokenizer


def _config(contents: dict[str, bytes], folder: str) -> dict[str, Any]:
    return parse_object(
        contents.get(CONFIG_FILE, b"{}"), storage.join(folder, CONFIG_FILE), VocabularyError
    )


def _bert_normalizer(config: dict[str, Any]) -> Any:
    """BERT's own normaliser with the settings and the defaults of `transformers`."""
    return normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=config.get("tokenize_chinese_chars", True),
        strip_accents=config.get("strip_accents"),
        lowercase=config.get("do_lower_case", True),
    )
