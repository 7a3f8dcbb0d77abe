"""Hold the sentences of one document and name it by the hash of its content."""

import hashlib
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

DOCUMENT_ID_LENGTH = 32  # hex digits
ID_BUCKETS = 1 << 14  # equal ranges of ids; a shard is at least one of them

Bits = TypeVar("Bits", int, npt.NDArray[np.int64])


@dataclass(frozen=True)
class Document:
    """Sentences that belong together, in order; at least one."""

    sentences: tuple[str, ...]

    @property
    def content(self) -> bytes:
        """Return the text as UTF-8, one sentence per line."""
        return "\n".join(self.sentences).encode()

    @property
    def document_id(self) -> str:
        """Return the start of the content's sha256; equal documents have equal ids."""
        return hashlib.sha256(self.content).hexdigest()[:DOCUMENT_ID_LENGTH]


def id_bucket(first_bits: Bits) -> Bits:
    """Return the id range, in [0, ID_BUCKETS), for the first 16 bits of an id or of several."""
    return first_bits * ID_BUCKETS >> 16
