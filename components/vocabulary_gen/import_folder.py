"""A folder that `transformers` wrote to a tokenizer that keeps its entries and its normaliser."""

import hashlib
import json
from typing import Any

from tokenizers import Tokenizer, normalizers

from components.vocabulary_gen.train import make_tokenizer
from trainer import storage
from trainer.vocab_file import SPECIALS, VOCAB_FILE, VocabularyError, parse_vocab
from trainer.vocabulary import TOKENIZER_FILE

CONFIG_FILE = "tokenizer_config.json"


def import_tokenizer(folder: str) -> Tokenizer:
    """Reads tokenizer.json, or else vocab.txt with tokenizer_config.json.

    Raises:
        VocabularyError: neither is there, they contradict each other, or a special is missing.
    """
    contents = _contents(folder)
    listed = contents.get(VOCAB_FILE)
    tokens = parse_vocab(listed, storage.join(folder, VOCAB_FILE)) if listed is not None else None
    if TOKENIZER_FILE in contents:
        return _from_json(contents[TOKENIZER_FILE], tokens, storage.join(folder, TOKENIZER_FILE))
    if tokens is None:
        raise VocabularyError(
            f"{folder}: neither {TOKENIZER_FILE} nor {VOCAB_FILE}. Set vocabulary.import_from to "
            f"a folder that `transformers` wrote with save_pretrained."
        )
    config = _parse_json(contents.get(CONFIG_FILE, b"{}"), storage.join(folder, CONFIG_FILE))
    vocab = {token: n for n, token in enumerate(tokens)}
    return make_tokenizer(vocab, _bert_normalizer(config))


def import_digest(folder: str | None) -> str:
    """The digest of what an import reads; "" where nothing is imported."""
    if folder is None:
        return ""
    digest = hashlib.sha256()
    for name, content in sorted(_contents(folder).items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _contents(folder: str) -> dict[str, bytes]:
    paths = {n: storage.join(folder, n) for n in (TOKENIZER_FILE, VOCAB_FILE, CONFIG_FILE)}
    return {name: storage.read_bytes(p) for name, p in paths.items() if storage.exists(p)}


def _from_json(content: bytes, tokens: tuple[str, ...] | None, path: str) -> Tokenizer:
    parsed = _parse_json(content, path)
    model = parsed.get("model")
    kind = model.get("type", "WordPiece") if isinstance(model, dict) else None
    if not isinstance(model, dict) or kind != "WordPiece":
        raise VocabularyError(
            f"{path}: the model is {kind}, and only WordPiece is read. Import the tokenizer of a "
            f"BERT or an ELECTRA, or train one."
        )
    vocab: dict[str, int] = model["vocab"]
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise VocabularyError(
            f"{path}: the ids are not 0 to {len(vocab) - 1:,}, each once. Take the tokenizer from "
            f"its source again."
        )
    lines = sorted(vocab, key=lambda token: vocab[token])
    parse_vocab("".join(f"{line}\n" for line in lines).encode(), path)
    if tokens is not None and tuple(lines) != tokens:
        raise VocabularyError(
            f"{path}: its entries are not those of {VOCAB_FILE} beside it. Delete the one that is "
            f"not the model's."
        )
    try:
        tokenizer = Tokenizer.from_str(content.decode())
    except Exception as error:  # the library raises bare Exceptions
        raise VocabularyError(
            f"{path}: the `tokenizers` library cannot read it ({error}). Write it again with a "
            f"current version of `transformers`."
        ) from error
    tokenizer.no_truncation()  # instances are cut by InstanceGen, and padded
    tokenizer.no_padding()
    _mark_specials(tokenizer)
    return tokenizer


def _mark_specials(tokenizer: Tokenizer) -> None:
    """Makes added tokens of the five, as `transformers` expects, where the file does not."""
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokenizer.add_special_tokens([name for name in SPECIALS if name not in added])


def _parse_json(content: bytes, path: str) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise VocabularyError(
            f"{path}: not JSON ({error}). Take it from its source again."
        ) from error
    if not isinstance(parsed, dict):
        raise VocabularyError(f"{path}: not a JSON object. Take it from its source again.")
    return parsed


def _bert_normalizer(config: dict[str, Any]) -> Any:
    """BERT's own normaliser with the settings and the defaults of `transformers`."""
    return normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=config.get("tokenize_chinese_chars", True),
        strip_accents=config.get("strip_accents"),
        lowercase=config.get("do_lower_case", True),
    )
