"""Read a tokenizer.json: its model, its normalizer, and the tokenizer for plain text."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from core import storage
from core.errors import InputError
from core.json_object import parse_object

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"
Kind = Literal["wordpiece", "sentencepiece"]


class VocabularyError(InputError):
    """A vocabulary that cannot be used."""


@dataclass(frozen=True, eq=False)
class Entries:
    """The V entries of a vocabulary, read from its two files and checked."""

    tokens: tuple[str, ...]  # (V,)
    named_ids: tuple[int, ...]  # padding, unknown, cls, sep and mask
    special_ids: tuple[int, ...]  # ascending
    continuation: npt.NDArray[np.bool_]  # (V,)
    ends_word: npt.NDArray[np.bool_]  # (V,)
    model_file: str  # vocab.txt or spiece.model
    model_bytes: bytes


def read_tokenizer(folder: str) -> tuple[dict[str, Any], bytes]:
    """Read tokenizer.json in a folder; return the parsed file and its bytes.

    Raises:
        VocabularyError: the file is missing or damaged.
    """
    content = read_file(folder, TOKENIZER_FILE)
    return parse_tokenizer(content, storage.join(folder, TOKENIZER_FILE))[0], content


def read_file(folder: str, name: str) -> bytes:
    """Read one file of a vocabulary.

    Raises:
        VocabularyError: the file is missing.
    """
    content = storage.read_if_exists(storage.join(folder, name))
    if content is None:
        raise VocabularyError(
            f"{folder}: no {name}. A vocabulary is a folder with {TOKENIZER_FILE} and either "
            f"vocab.txt (WordPiece) or spiece.model (SentencePiece). VocabularyGen writes it."
        )
    return content


def parse_tokenizer(content: bytes, path: str) -> tuple[dict[str, Any], "Tokenizer"]:
    """Parse a tokenizer.json as JSON and as a tokenizer.

    Raises:
        VocabularyError: the `tokenizers` library cannot read it, or its model is not supported.
    """
    from tokenizers import Tokenizer

    parsed = parse_object(content, path, VocabularyError)
    model_kind(parsed, path)
    try:
        tokenizer = Tokenizer.from_str(content.decode())
        # The library also accepts steps without a type; their effect would be a guess.
        normalizer_flags(parsed.get("normalizer"))
        flatten_steps(parsed.get("pre_tokenizer"))
    except Exception as error:  # the library raises bare Exceptions
        raise VocabularyError(
            f"{path}: the `tokenizers` library cannot read it ({type(error).__name__}: {error}). "
            f"Get it from its source again, or write it again with a current version of "
            f"`transformers`."
        ) from error
    return parsed, tokenizer


def model_kind(tokenizer: dict[str, Any], path: str) -> Kind:
    """Return the kind of vocabulary that a parsed tokenizer.json belongs to.

    Raises:
        VocabularyError: the kind is not supported.
    """
    model = tokenizer.get("model")
    model_type = model.get("type", "WordPiece") if isinstance(model, dict) else None
    if model_type == "WordPiece":
        return "wordpiece"
    if model_type == "Unigram":
        return "sentencepiece"
    raise VocabularyError(
        f"{path}: the model is {model_type}, and only WordPiece and Unigram are supported. Import "
        f"the vocabulary of a BERT, ELECTRA or ALBERT model, or train one."
    )


def flatten_steps(part: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the steps of a normalizer or pre-tokenizer in order, with sequences flattened."""
    if part is None:
        return []
    if part["type"] == "Sequence":
        inner = part.get("normalizers") or part.get("pretokenizers") or []
        return [step for each in inner for step in flatten_steps(each)]
    return [part]


def normalizer_flags(normalizer: dict[str, Any] | None) -> tuple[bool, bool]:
    """Return whether a normalizer lowercases text, and whether it strips accents."""
    lowercase = strip_accents = False
    for step in flatten_steps(normalizer):
        if step["type"] == "BertNormalizer":
            lowercase |= bool(step["lowercase"])
            # As in BERT, null means the same as `lowercase`.
            strip = step.get("strip_accents")
            strip_accents |= bool(step["lowercase"] if strip is None else strip)
        lowercase |= step["type"] == "Lowercase"
        strip_accents |= step["type"] == "StripAccents"
    return lowercase, strip_accents


def special_added_ids(tokenizer: dict[str, Any]) -> set[int]:
    """Return the ids of the added tokens that are marked as special."""
    return {a["id"] for a in tokenizer.get("added_tokens") or () if a["special"]}


def check_specials(entries: Collection[str], specials: Sequence[str], path: str) -> None:
    """Require an entry for each of the five special tokens.

    Raises:
        VocabularyError: at least one is missing.
    """
    if missing := [name for name in specials if name not in entries]:
        raise VocabularyError(
            f"{path}: {', '.join(missing)} missing. The vocabulary needs the entries "
            f"{', '.join(specials)}. Import the vocabulary of a BERT, ELECTRA or ALBERT model, or "
            f"train one."
        )


def check_added_tokens(tokenizer: dict[str, Any], vocab_size: int, path: str) -> None:
    """Require that every added token is an entry of the vocabulary.

    Raises:
        VocabularyError: at least one is not.
    """
    added = tokenizer.get("added_tokens") or ()
    if unlisted := [a["content"] for a in added if a["id"] >= vocab_size]:
        raise VocabularyError(
            f"{path}: added tokens that are not in the vocabulary: {', '.join(unlisted[:5])}. Use "
            f"them in place of [unused…] entries, or import the tokenizer without them."
        )


def check_nfc(tokenizer: dict[str, Any], tokens: Sequence[str], path: str) -> None:
    """Require NFC entries if the normalizer turns all text into NFC.

    Raises:
        VocabularyError: an entry is not NFC and can therefore never match.
    """
    if not any(step["type"] == "NFC" for step in flatten_steps(tokenizer.get("normalizer"))):
        return
    for number, token in enumerate(tokens, 1):
        if not unicodedata.is_normalized("NFC", token):
            raise VocabularyError(
                f"{path}: entry {number} ({token!r}) is not NFC, so it can never match normalized "
                f"text. Train the vocabulary again."
            )


def mismatch(path: str, model_file: str) -> VocabularyError:
    """Return the error for a tokenizer.json whose entries differ from those of the model file."""
    return VocabularyError(
        f"{path}: its entries are not those of {model_file} beside it. The two files are of "
        f"different vocabularies. Get both from one source."
    )


def plain_tokenizer(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """Return the tokenizer without added tokens, template, truncation and padding.

    With it, the name of a special token in a text is treated as ordinary text.
    """
    plain = {**tokenizer, **dict.fromkeys(("post_processor", "truncation", "padding"))}
    plain["added_tokens"] = []
    if tokenizer["model"].get("type") == "Unigram":
        plain["model"] = _without_specials(tokenizer)
        plain["pre_tokenizer"] = _always_prepend(tokenizer["pre_tokenizer"])
    return plain


def _without_specials(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """Return the Unigram model, changed so that no text matches a special token.

    Adding a space to the names of the specials is enough: normalized text contains no space.
    """
    model: dict[str, Any] = tokenizer["model"]
    specials = special_added_ids(tokenizer) | {model["unk_id"]}
    entries = [
        [f"{piece} " if n in specials else piece, score]
        for n, (piece, score) in enumerate(model["vocab"])
    ]
    return {**model, "vocab": entries}


def _always_prepend(part: dict[str, Any]) -> dict[str, Any]:
    """Return the pre-tokenizer, changed to prepend a space to every text.

    The scheme "first" should do the same for text without specials, but the library (0.23) adds no
    space if the normalizer drops the first character of the text.
    """
    if part["type"] == "Sequence":
        return {**part, "pretokenizers": [_always_prepend(p) for p in part["pretokenizers"]]}
    is_first = part.get("prepend_scheme") == "first"
    return {**part, "prepend_scheme": "always"} if is_first else part
