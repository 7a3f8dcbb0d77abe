"""A WordPiece vocabulary's two files, held against each other, to its entries."""

import re
from typing import Any

import numpy as np

from core import storage
from core.vocabulary.entries import Entries, check_nfc
from core.vocabulary.tokenizer_file import TOKENIZER_FILE, added_specials, read_file
from core.vocabulary.vocab_file import SPECIALS, VOCAB_FILE, VocabularyError, parse_vocab

_UNUSED = re.compile(r"\[unused\d+\]")  # BERT's reserved entries


def wordpiece_entries(folder: str, tokenizer: dict[str, Any]) -> Entries:
    """Reads vocab.txt and compares it with tokenizer.json.

    Raises:
        VocabularyError: the two differ, or an entry or a special cannot be as it is.
    """
    content = read_file(folder, VOCAB_FILE)
    tokens = parse_vocab(content, storage.join(folder, VOCAB_FILE))
    path = storage.join(folder, TOKENIZER_FILE)
    model = tokenizer["model"]
    ids = {token: n for n, token in enumerate(tokens)}
    if model.get("vocab") != ids:
        raise VocabularyError(
            f"{path}: its entries are not those of {VOCAB_FILE} beside it. "
            f"The two files are of different vocabularies: take both from one source."
        )
    if model.get("unk_token") != "[UNK]":
        raise VocabularyError(
            f"{path}: unk_token is {model.get('unk_token')!r}, and BERT's is '[UNK]'. Import a "
            f"vocabulary with BERT's specials, or train one."
        )
    _check_added(tokenizer, tokens, path)
    check_nfc(tokenizer, tokens, path)
    prefix = str(model["continuing_subword_prefix"])
    named = {n for n, t in enumerate(tokens) if t in SPECIALS or _UNUSED.fullmatch(t)}
    return Entries(
        tokens=tokens,
        named_ids=tuple(ids[name] for name in SPECIALS),
        special_ids=tuple(sorted(added_specials(tokenizer) | named)),
        continuation=np.array([t.startswith(prefix) and len(t) > len(prefix) for t in tokens]),
        ends_word=np.zeros(len(tokens), np.bool_),  # what follows says so by itself
        model_file=VOCAB_FILE,
        model_bytes=content,
    )


def _check_added(tokenizer: dict[str, Any], tokens: tuple[str, ...], path: str) -> None:
    added = tokenizer.get("added_tokens") or ()
    strangers = [a["content"] for a in added if a["id"] >= len(tokens)]
    if strangers:
        raise VocabularyError(
            f"{path}: added tokens that are not in {VOCAB_FILE}: {', '.join(strangers[:5])}. Write "
            f"them into the vocabulary's [unused…] lines, or import it without them."
        )
