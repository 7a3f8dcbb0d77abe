"""Compute MinHash signatures of documents: short arrays that are as similar as their phrases.

The share of positions at which two signatures agree estimates the Jaccard similarity of the sets
of phrases (Broder 1997), with a standard error of at most 0.04.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core import storage

PHRASE_WORDS = 5  # consecutive words in lower case, without punctuation (Lee et al. 2022)
SIGNATURE_LENGTH = 128
SEED = 1
HELD_SIGNATURES = 1 << 15  # in memory before a file is written; 9 MB
# Chinese and Japanese are written without spaces, so each of their characters counts as a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")

# Half of each 32-bit value is kept: two different values agree in it with probability 1/65,536.
SIGNATURE_RECORD = np.dtype(
    [
        ("high", "<u8"),
        ("low", "<u8"),
        ("text_bytes", "<u8"),
        ("signature", "<u2", SIGNATURE_LENGTH),
    ]
)


class SignatureWriter:
    """Collects signatures and writes a file whenever enough are held.

    Attributes:
        paths: the files, of dtype SIGNATURE_RECORD, in the order they were written.
    """

    def __init__(self, prefix: str) -> None:
        """Take the prefix of the files' paths."""
        self._prefix = prefix
        self._held: list[bytes] = []
        self.paths: list[str] = []

    def add(self, document_id: str, sentences: Sequence[str], text_bytes: int) -> None:
        """Add the signature of a document."""
        self._held.append(sign_document(document_id, sentences, text_bytes).tobytes())
        if len(self._held) == HELD_SIGNATURES:
            self.flush()

    def flush(self) -> None:
        """Write the signatures that are held."""
        if self._held:
            self.paths.append(f"{self._prefix}-{len(self.paths):05d}.signatures")
            storage.write_bytes(self.paths[-1], b"".join(self._held))
            self._held = []


def sign_document(
    document_id: str, sentences: Sequence[str], text_bytes: int
) -> npt.NDArray[np.void]:
    """Return the signature of a document and its id as two numbers: () of SIGNATURE_RECORD."""
    from rensa import RMinHash

    minhash = RMinHash(num_perm=SIGNATURE_LENGTH, seed=SEED)
    minhash.update(list_phrases(sentences))
    record = np.zeros((), SIGNATURE_RECORD)
    record["high"], record["low"] = int(document_id[:16], 16), int(document_id[16:], 16)
    record["text_bytes"] = text_bytes
    record["signature"] = np.array(minhash.digest(), np.uint32).astype(np.uint16)
    return record


def list_phrases(sentences: Sequence[str]) -> list[str]:
    """Return the phrases of a document, at least one; a phrase may span sentences."""
    text = " ".join(sentences)
    words = _WORD.findall(text.lower())
    if len(words) <= PHRASE_WORDS:
        return [" ".join(words) or text]
    last = len(words) - PHRASE_WORDS + 1
    return [" ".join(words[n : n + PHRASE_WORDS]) for n in range(last)]
