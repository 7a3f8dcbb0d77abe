"""Read a WordPiece vocabulary: vocab.txt, checked against tokenizer.json."""

import re
from typing import Any

import numpy as np

from core import storage
from core.vocabulary import tokenizer_file
from core.vocabulary.tokenizer_file import Entries, VocabularyError

VOCAB_FILE = "vocab.txt"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_UNUSED = re.compile(r"\[unused\d+\]")  # BERT's reserved entries


def wordpiece_entries(folder: str, tokenizer: dict[str, Any], path: str) -> Entries:
    """Read vocab.txt and compare it with tokenizer.json.

    Raises:
        VocabularyError: the two files differ, or an entry or a special token is invalid.
    """
    content = tokenizer_file.read_file(folder, VOCAB_FILE)
    tokens = parse_vocab(content, storage.join(folder, VOCAB_FILE))
    model = tokenizer["model"]
    ids = {token: n for n, token in enumerate(tokens)}
    if model.get("vocab") != ids:
        raise tokenizer_file.mismatch(path, VOCAB_FILE)
    if model.get("unk_token") != "[UNK]":
        raise VocabularyError(
            f"{path}: unk_token is {model.get('unk_token')!r} and has to be '[UNK]'. Import the "
            f"vocabulary of a BERT or ELECTRA model, or train one."
        )
    tokenizer_file.check_added_tokens(tokenizer, len(tokens), path)
    prefix = str(model["continuing_subword_prefix"])
    special_ids = {n for n, t in enumerate(tokens) if t in SPECIALS or _UNUSED.fullmatch(t)}
    return Entries(
        tokens=tokens,
        named_ids=tuple(ids[name] for name in SPECIALS),
        special_ids=tuple(sorted(tokenizer_file.special_added_ids(tokenizer) | special_ids)),
        continuation=np.array([t.startswith(prefix) and len(t) > len(prefix) for t in tokens]),
        ends_word=np.zeros(len(tokens), np.bool_),  # the prefix of the next token decides
        model_file=VOCAB_FILE,
        model_bytes=content,
    )


def parse_vocab(content: bytes, path: str) -> tuple[str, ...]:
    r"""Parse a vocab.txt: one entry per line, ids from 0. Only \n ends a line.

    Raises:
        VocabularyError: the file is not UTF-8, has CRLF line ends, an empty or a duplicate entry,
            or a special token is missing.
    """
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise VocabularyError(
            f"{path}: byte {error.start} is not UTF-8. Save the file as UTF-8."
        ) from error
    if lines[-1] == "":
        lines.pop()
    first: dict[str, int] = {}
    for number, token in enumerate(lines, 1):
        if token.endswith("\r"):
            raise VocabularyError(
                f"{path}:{number}: the line ends with CRLF, so the entry would include the CR. "
                f"Save the file with LF line ends."
            )
        if not token.strip():
            raise VocabularyError(
                f"{path}:{number}: an empty entry. Readers that skip it would shift every later "
                f"id. Get the vocabulary from its source again."
            )
        if token in first:
            raise VocabularyError(
                f"{path}:{number}: the entry {token!r} is already in line {first[token]}, so it "
                f"would have two ids. Get the vocabulary from its source again."
            )
        first[token] = number
    tokenizer_file.check_specials(first, SPECIALS, path)
    return tuple(lines)
