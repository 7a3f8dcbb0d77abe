"""What training and importing hand over to be written: the same for both kinds of vocabulary."""

from collections import Counter
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from core.vocabulary.tokenizer_file import Kind


@dataclass(frozen=True)
class Made:
    """A vocabulary that is not yet written."""

    kind: Kind
    tokenizer: Tokenizer
    spiece_model: bytes = b""  # the bytes of spiece.model; empty for WordPiece
    counts: Counter[str] = field(default_factory=Counter)
