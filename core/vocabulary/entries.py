"""What the files of a vocabulary say of its entries, whatever its kind."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.vocabulary.tokenizer_file import steps_of
from core.vocabulary.vocab_file import VocabularyError


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries that were read and checked; V of them."""

    tokens: tuple[str, ...]  # (V,)
    named_ids: tuple[int, ...]  # of padding, unknown, cls, sep and mask
    special_ids: tuple[int, ...]  # ascending
    continuation: npt.NDArray[np.bool_]  # (V,)
    ends_word: npt.NDArray[np.bool_]  # (V,)
    model_file: str  # that holds the entries beside tokenizer.json
    model_bytes: bytes


def check_nfc(tokenizer: dict[str, Any], tokens: Sequence[str], path: str) -> None:
    """Refuses entries that text in NFC cannot hold.

    Raises:
        VocabularyError: there is one, and the normaliser makes NFC.
    """
    if not any(step["type"] == "NFC" for step in steps_of(tokenizer.get("normalizer"))):
        return
    for number, token in enumerate(tokens, 1):
        if not unicodedata.is_normalized("NFC", token):
            raise VocabularyError(
                f"{path}: entry {number} ({token!r}) is not NFC, so that it can never match "
                f"normalised text. Train the vocabulary again."
            )
