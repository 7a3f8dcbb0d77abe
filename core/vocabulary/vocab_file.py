"""A vocab.txt to its entries: the one place that knows the file's form."""

from core.errors import InputError

VOCAB_FILE = "vocab.txt"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class VocabularyError(InputError):
    """A vocabulary that cannot be used as it is."""


def parse_vocab(content: bytes, path: str) -> tuple[str, ...]:
    r"""The entries of a vocab.txt: one a line, the id is the line's number, only \n ends a line.

    Raises:
        VocabularyError: not UTF-8, CRLF, an empty or doubled entry, a special is missing.
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
                f"{path}:{number}: the line ends with CRLF, so the entry would hold the CR. "
                f"Save the file with LF line ends."
            )
        if not token.strip():
            raise VocabularyError(
                f"{path}:{number}: an empty entry; every later id would be off for readers that "
                f"skip it. Take the vocabulary from its source again."
            )
        if token in first:
            raise VocabularyError(
                f"{path}:{number}: the entry {token!r} is there already, in line {first[token]}. "
                f"Two ids for one piece: take the vocabulary from its source again."
            )
        first[token] = number
    missing = [name for name in SPECIALS if name not in first]
    if missing:
        raise VocabularyError(
            f"{path}: {', '.join(missing)} missing. A vocabulary needs {', '.join(SPECIALS)}, "
            f"each on a line of its own."
        )
    return tuple(lines)
