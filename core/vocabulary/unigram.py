"""Read a SentencePiece unigram vocabulary: spiece.model, checked against tokenizer.json."""

import unicodedata
from typing import Any

import numpy as np

from core import storage
from core.vocabulary import tokenizer_file
from core.vocabulary.tokenizer_file import Entries, VocabularyError

SPIECE_FILE = "spiece.model"
PIECE_SPECIALS = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")  # ALBERT's
WORD_BEGIN = "\u2581"  # replaces the space before a word
SCORE_TOLERANCE = 1e-4  # scores are float32 in spiece.model and decimals in tokenizer.json
# First and last characters of scripts without spaces between words.
_UNSPACED = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u0f00", "\u0fff"),  # Tibetan
    ("\u1000", "\u109f"),  # Myanmar
    ("\u1780", "\u17ff"),  # Khmer
    ("\u3005", "\u3007"),  # ideographic iteration mark and zero
    ("\u3040", "\u30ff"),  # hiragana, katakana
    ("\u31f0", "\u31ff"),  # katakana extensions
    ("\u3400", "\u4dbf"),  # Han
    ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"),
    ("\uff66", "\uff9f"),  # halfwidth katakana
    ("\U00020000", "\U0003ffff"),  # Han
)


def unigram_entries(folder: str, tokenizer: dict[str, Any], path: str) -> Entries:
    """Read spiece.model and compare it with tokenizer.json.

    Raises:
        VocabularyError: the two files differ, or an entry or a special token is invalid.
    """
    content = tokenizer_file.read_file(folder, SPIECE_FILE)
    check_unigram(tokenizer, path)
    vocab = tokenizer["model"]["vocab"]
    _compare(vocab, read_pieces(content, storage.join(folder, SPIECE_FILE)), path)
    tokens = tuple(piece for piece, _ in vocab)
    ids = {token: n for n, token in enumerate(tokens)}
    named_ids = tuple(ids[name] for name in PIECE_SPECIALS)
    special_ids = tokenizer_file.special_added_ids(tokenizer) | set(named_ids)
    continuation = np.array([continues_word(token) for token in tokens])
    ends = np.array([ends_word(token) for token in tokens])
    continuation[list(special_ids)], ends[list(special_ids)] = False, True
    # <unk> replaces part of a word: every word begins with WORD_BEGIN, which is a known piece.
    continuation[ids["<unk>"]], ends[ids["<unk>"]] = True, False
    return Entries(
        tokens=tokens,
        named_ids=named_ids,
        special_ids=tuple(sorted(special_ids)),
        continuation=continuation,
        ends_word=ends,
        model_file=SPIECE_FILE,
        model_bytes=content,
    )


def check_unigram(tokenizer: dict[str, Any], path: str) -> None:
    """Require a tokenizer.json that tokenizes as a SentencePiece unigram model does.

    Raises:
        VocabularyError: it does not, or a special token of ALBERT is missing.
    """
    model = tokenizer["model"]
    entries = [piece for piece, _ in model["vocab"]]
    tokenizer_file.check_specials(entries, PIECE_SPECIALS, path)
    if len(set(entries)) < len(entries):
        raise VocabularyError(
            f"{path}: two ids for one piece. Get the vocabulary from its source again."
        )
    if entries.index("<unk>") != model.get("unk_id") or model.get("byte_fallback"):
        raise VocabularyError(
            f"{path}: unknown text does not become <unk>. Import a vocabulary with ALBERT's "
            f"special tokens and without byte fallback, or train one."
        )
    tokenizer_file.check_added_tokens(tokenizer, len(entries), path)
    steps = tokenizer_file.flatten_steps(tokenizer.get("pre_tokenizer"))
    if not any(s["type"] == "Metaspace" and s["replacement"] == WORD_BEGIN for s in steps):
        raise VocabularyError(
            f"{path}: no Metaspace pre-tokenizer, so spaces do not become {WORD_BEGIN}. Import a "
            f"tokenizer that was converted from a SentencePiece model."
        )


def read_pieces(content: bytes, path: str) -> list[tuple[str, float]]:
    """Return the pieces of a SentencePiece model and their scores, in the order of their ids.

    Raises:
        VocabularyError: the content is not a SentencePiece model.
    """
    from sentencepiece import SentencePieceProcessor

    try:
        model = SentencePieceProcessor(model_proto=content)
        number = model.get_piece_size() if content else 0
        pieces = [(model.id_to_piece(n), model.get_score(n)) for n in range(number)]
    except (RuntimeError, UnicodeDecodeError):  # UnicodeDecodeError: a piece is not UTF-8
        pieces = []
    if not pieces:
        raise VocabularyError(
            f"{path}: not a SentencePiece model. Get the vocabulary from its source again."
        )
    return pieces


def _compare(vocab: list[tuple[str, float]], pieces: list[tuple[str, float]], path: str) -> None:
    is_same = len(vocab) == len(pieces) and all(
        ours == theirs and abs(a - b) < SCORE_TOLERANCE
        for (ours, a), (theirs, b) in zip(vocab, pieces, strict=True)
    )
    if not is_same:
        raise tokenizer_file.mismatch(path, SPIECE_FILE)


def continues_word(piece: str) -> bool:
    """Return whether a piece continues the word before it.

    It does not if it begins with a space, with punctuation, or with a character of a script without
    spaces, in which pieces are the closest thing to words. Korean is written with spaces, so its
    words are eojeols.
    """
    return not (piece.startswith(WORD_BEGIN) or _stands_alone(piece[0]))


def ends_word(piece: str) -> bool:
    """Return whether the next piece always begins a word, as it does after punctuation and Han."""
    return piece != WORD_BEGIN and _stands_alone(piece[-1])


def _stands_alone(character: str) -> bool:
    is_symbol = character.isascii() and character.isprintable() and not character.isalnum()
    if is_symbol or unicodedata.category(character).startswith("P"):
        return character != WORD_BEGIN
    return any(first <= character <= last for first, last in _UNSPACED)
