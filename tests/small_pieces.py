"""Write a small SentencePiece folder for any test, using only the sentencepiece library."""

import io
from collections.abc import Sequence
from pathlib import Path

from sentencepiece import SentencePieceTrainer

from tests.real_text import ENGLISH

ALBERT_OPTIONS = {"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1, "pad_piece": "<pad>"}


def train_spiece(
    sentences: Sequence[str] | None = None, size: int = 600, **options: object
) -> bytes:
    """Train a spiece.model with ALBERT's special tokens and return its bytes."""
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(sentences or [s for document in ENGLISH for s in document]),
        model_writer=model,
        vocab_size=size,
        hard_vocab_limit=False,
        minloglevel=2,
        **{**ALBERT_OPTIONS, "control_symbols": ["[CLS]", "[SEP]", "[MASK]"], **options},
    )
    return model.getvalue()


def write_small_pieces(folder: Path, **options: object) -> Path:
    """Write only spiece.model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(train_spiece(**options))
    return folder
