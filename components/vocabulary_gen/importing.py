"""Import a tokenizer that `transformers` wrote, keeping its entries and its normalizer."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer, normalizers

from components.vocabulary_gen.writing.build_tokenizer import unigram_tokenizer, wordpiece_tokenizer
from components.vocabulary_gen.writing.spiece_model import (
    read_charsmap,
    spec_of_charsmap,
    spiece_model,
)
from components.vocabulary_gen.writing.write_vocabulary import NewVocabulary
from core import storage
from core.file_names import TRANSFORMERS_FOLDER
from core.json_object import parse_object
from core.settings import LATEST_BLESSED
from core.vocabulary.tokenizer_file import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    Kind,
    VocabularyError,
    check_specials,
    flatten_steps,
    model_kind,
    parse_tokenizer,
    special_added_ids,
)
from core.vocabulary.unigram import PIECE_SPECIALS, SPIECE_FILE, check_unigram, read_pieces
from core.vocabulary.wordpiece import SPECIALS, VOCAB_FILE, parse_vocab

FILES = (TOKENIZER_FILE, VOCAB_FILE, SPIECE_FILE, CONFIG_FILE)


def import_vocabulary(folder: str, kind: Kind) -> NewVocabulary:
    """Read tokenizer.json, or else vocab.txt or spiece.model with tokenizer_config.json.

    Args:
        folder: written by `transformers`, or a model that Textmill published.
        kind: of the vocabulary.

    Raises:
        VocabularyError: the folder has none of the files, they contradict each other, a special
            token is missing, or the vocabulary is of the other kind.
    """
    folder = _find_tokenizer(folder)
    contents = _read_files(folder)
    if TOKENIZER_FILE in contents:
        path = storage.join(folder, TOKENIZER_FILE)
        actual = model_kind(parse_object(contents[TOKENIZER_FILE], path, VocabularyError), path)
    elif VOCAB_FILE not in contents and SPIECE_FILE not in contents:
        raise VocabularyError(
            f"{folder}: neither {TOKENIZER_FILE} nor {VOCAB_FILE} nor {SPIECE_FILE}. Set "
            f"vocabulary.import_from to a folder that `transformers` wrote with save_pretrained."
        )
    else:
        actual = "wordpiece" if VOCAB_FILE in contents else "sentencepiece"
    if actual != kind:
        raise VocabularyError(
            f"{folder}: a {actual} vocabulary, but vocabulary.kind is {kind}. Set "
            f"vocabulary.kind: {actual}, or import another folder."
        )
    import_kind = _import_wordpiece if kind == "wordpiece" else _import_sentencepiece
    return import_kind(contents, folder)


def import_digest(folder: str | None) -> str:
    """Return the digest of the files that an import reads, or "" if no folder is imported."""
    if folder is None or folder == LATEST_BLESSED:
        return ""
    digest = hashlib.sha256()
    for name, content in sorted(_read_files(_find_tokenizer(folder)).items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def _find_tokenizer(folder: str) -> str:
    """Return the folder of the tokenizer's files: the folder itself, or that in a model of ours."""
    inner = storage.join(folder, TRANSFORMERS_FOLDER)
    return inner if _read_files(inner) and not _read_files(folder) else folder


def _read_files(folder: str) -> dict[str, bytes]:
    contents = {name: storage.read_if_exists(storage.join(folder, name)) for name in FILES}
    return {name: content for name, content in contents.items() if content is not None}


def _import_wordpiece(contents: dict[str, bytes], folder: str) -> NewVocabulary:
    lines = contents.get(VOCAB_FILE)
    tokens = parse_vocab(lines, storage.join(folder, VOCAB_FILE)) if lines is not None else ()
    if TOKENIZER_FILE not in contents:
        vocab = {token: n for n, token in enumerate(tokens)}
        tokenizer = wordpiece_tokenizer(vocab, _bert_normalizer(_config(contents, folder)))
        return NewVocabulary("wordpiece", tokenizer)
    path = storage.join(folder, TOKENIZER_FILE)
    parsed, tokenizer = _with_specials(contents[TOKENIZER_FILE], path, SPECIALS)
    _check_entries(parsed, tokens, path)
    return NewVocabulary("wordpiece", tokenizer)


def _import_sentencepiece(contents: dict[str, bytes], folder: str) -> NewVocabulary:
    spiece = contents.get(SPIECE_FILE)
    if TOKENIZER_FILE not in contents:
        model = unigram_from_spiece(spiece or b"", _config(contents, folder), folder)
        return NewVocabulary("sentencepiece", *model)
    path = storage.join(folder, TOKENIZER_FILE)
    parsed, tokenizer = _with_specials(contents[TOKENIZER_FILE], path, PIECE_SPECIALS)
    return NewVocabulary("sentencepiece", tokenizer, unigram_from_json(parsed, spiece, path))


def _check_entries(parsed: dict[str, Any], tokens: tuple[str, ...], path: str) -> None:
    vocab: dict[str, int] = parsed["model"]["vocab"]
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise VocabularyError(
            f"{path}: the ids are not 0 to {len(vocab) - 1:,}, each once. Get the tokenizer from "
            f"its source again."
        )
    lines = sorted(vocab, key=vocab.__getitem__)
    parse_vocab("".join(f"{line}\n" for line in lines).encode(), path)
    if tokens and tuple(lines) != tokens:
        raise VocabularyError(
            f"{path}: its entries differ from those of {VOCAB_FILE} in the same folder. Delete the "
            f"file that does not belong to the model."
        )


def _with_specials(
    content: bytes, path: str, specials: tuple[str, ...]
) -> tuple[dict[str, Any], Tokenizer]:
    """Return the parsed file, and the tokenizer with the special tokens added."""
    parsed, tokenizer = parse_tokenizer(content, path)
    tokenizer.no_truncation()  # InstanceGen truncates and pads
    tokenizer.no_padding()
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    tokenizer.add_special_tokens([name for name in specials if name not in added])
    return parsed, tokenizer


def _config(contents: dict[str, bytes], folder: str) -> dict[str, Any]:
    return parse_object(
        contents.get(CONFIG_FILE, b"{}"), storage.join(folder, CONFIG_FILE), VocabularyError
    )


def _bert_normalizer(config: dict[str, Any]) -> Any:
    """Return BERT's own normalizer with the settings and the defaults of `transformers`."""
    return normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=config.get("tokenize_chinese_chars", True),
        strip_accents=config.get("strip_accents"),
        lowercase=config.get("do_lower_case", True),
    )


def unigram_from_spiece(
    content: bytes, config: Mapping[str, Any], folder: str
) -> tuple[Tokenizer, bytes]:
    """Build a tokenizer from spiece.model, with the text processing of `transformers` for ALBERT.

    Of tokenizer_config.json only `do_lower_case` and `keep_accents` are used.

    Raises:
        VocabularyError: the content is not a SentencePiece model with ALBERT's special tokens.
    """
    path = storage.join(folder, SPIECE_FILE)
    pieces = read_pieces(content, path)
    check_specials({piece for piece, _ in pieces}, PIECE_SPECIALS, path)
    normalizer = albert_normalizer(config, read_charsmap(content))
    return unigram_tokenizer(pieces, normalizer, "always"), content


def unigram_from_json(parsed: dict[str, Any], spiece: bytes | None, path: str) -> bytes:
    """Return the spiece.model of a tokenizer.json: the one in its folder, or one built from it.

    Raises:
        VocabularyError: tokenizer.json is not of a supported kind.
    """
    check_unigram(parsed, path)
    if spiece is not None:
        return spiece
    model = parsed["model"]
    special_ids = special_added_ids(parsed)
    special_ids |= {n for n, (piece, _) in enumerate(model["vocab"]) if piece in PIECE_SPECIALS}
    tables = [s for s in flatten_steps(parsed.get("normalizer")) if s["type"] == "Precompiled"]
    charsmap = base64.b64decode(tables[0]["precompiled_charsmap"]) if tables else b""
    return spiece_model(model["vocab"], special_ids, model["unk_id"], spec_of_charsmap(charsmap))


def albert_normalizer(config: Mapping[str, Any], charsmap: bytes) -> Any:
    """Return the normalizer of `transformers` for ALBERT, with its settings and its defaults."""
    steps: list[Any] = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    if not config.get("keep_accents", False):
        steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if config.get("do_lower_case", True):
        steps.append(normalizers.Lowercase())
    if charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    return normalizers.Sequence(steps)
