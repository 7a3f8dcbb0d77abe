"""A tokenizer.json to what it says: the model, the normaliser, and the tokenizer of plain text."""

import json
from typing import Any

from core import storage
from core.vocabulary.vocab_file import VocabularyError

TOKENIZER_FILE = "tokenizer.json"


def read_tokenizer(folder: str) -> tuple[dict[str, Any], bytes]:
    """The parsed file, and its bytes.

    Raises:
        VocabularyError: it is missing, or not a tokenizer of the `tokenizers` library.
    """
    from tokenizers import Tokenizer

    content = read_file(folder, TOKENIZER_FILE)
    try:
        tokenizer = json.loads(content)
        if tokenizer["model"].get("type", "WordPiece") in ("WordPiece", "Unigram"):
            Tokenizer.from_str(content.decode())  # of other types there is more to tell
        # The library takes steps without a type, too; what they do would be a guess.
        normaliser_flags(tokenizer.get("normalizer"))
        steps_of(tokenizer.get("pre_tokenizer"))
        return tokenizer, content
    except Exception as error:  # the library has no narrower one
        raise VocabularyError(
            f"{storage.join(folder, TOKENIZER_FILE)}: not a tokenizer file of the `tokenizers` "
            f"library ({type(error).__name__}: {error}). Take the vocabulary from its source again."
        ) from error


def read_file(folder: str, name: str) -> bytes:
    """A file of a vocabulary.

    Raises:
        VocabularyError: it is missing.
    """
    path = storage.join(folder, name)
    if not storage.exists(path):
        raise VocabularyError(
            f"{folder}: no {name}. A vocabulary is a folder with {TOKENIZER_FILE}, and vocab.txt "
            f"(WordPiece) or spiece.model (SentencePiece); VocabularyGen writes it."
        )
    return storage.read_bytes(path)


def steps_of(part: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The steps of a normaliser or a pre-tokenizer, one after the other; sequences are opened."""
    if part is None:
        return []
    if part["type"] == "Sequence":
        inner = part.get("normalizers") or part.get("pretokenizers") or []
        return [step for each in inner for step in steps_of(each)]
    return [part]


def normaliser_flags(normalizer: dict[str, Any] | None) -> tuple[bool, bool]:
    """Whether a tokenizer.json's normaliser lower-cases, and whether it strips accents."""
    lowercase = strip_accents = False
    for step in steps_of(normalizer):
        if step["type"] == "BertNormalizer":
            lowercase |= bool(step["lowercase"])
            # null means "as lowercase says", BERT's own habit.
            strip = step.get("strip_accents")
            strip_accents |= bool(step["lowercase"] if strip is None else strip)
        lowercase |= step["type"] == "Lowercase"
        strip_accents |= step["type"] == "StripAccents"
    return lowercase, strip_accents


def added_specials(tokenizer: dict[str, Any]) -> set[int]:
    """The ids of the added tokens that are special."""
    return {a["id"] for a in tokenizer.get("added_tokens") or () if a["special"]}


def plain_tokenizer(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer without added tokens, specials around a text, truncation and padding.

    So the name of a special in the text is text like any other.
    """
    plain = {**tokenizer, **dict.fromkeys(("post_processor", "truncation", "padding"))}
    plain["added_tokens"] = []
    if tokenizer["model"].get("type") == "Unigram":
        plain["model"] = _without_specials(tokenizer)
        plain["pre_tokenizer"] = _always_prepend(tokenizer["pre_tokenizer"])
    return plain


def _without_specials(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """A Unigram model that takes no text for a special, which it would otherwise.

    A space behind the specials' names, which no normalised text has, keeps them apart.
    """
    model: dict[str, Any] = tokenizer["model"]
    specials = added_specials(tokenizer) | {model["unk_id"]}
    entries = [
        [f"{piece} " if n in specials else piece, score]
        for n, (piece, score) in enumerate(model["vocab"])
    ]
    return {**model, "vocab": entries}


def _always_prepend(part: dict[str, Any]) -> dict[str, Any]:
    """Puts a space before every text.

    "first" means the same where no special parts the text, but the library (0.23) puts none before
    a text whose first character the normaliser drops.
    """
    if part["type"] == "Sequence":
        return {**part, "pretokenizers": [_always_prepend(p) for p in part["pretokenizers"]]}
    is_first = part.get("prepend_scheme") == "first"
    return {**part, "prepend_scheme": "always"} if is_first else part
