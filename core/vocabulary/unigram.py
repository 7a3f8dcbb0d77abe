"""A SentencePiece vocabulary's two files, held against each other, to its entries."""

import unicodedata
from typing import Any

import numpy as np

from core import storage
from core.vocabulary.entries import Entries, check_nfc
from core.vocabulary.tokenizer_file import TOKENIZER_FILE, added_specials, read_file, steps_of
from core.vocabulary.vocab_file import VocabularyError

SPIECE_FILE = "spiece.model"
PIECE_SPECIALS = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")  # ALBERT's
WORD_BEGIN = "\u2581"  # stands for the space before a word
SCORE_TOLERANCE = 1e-4  # scores are float32 in one file and decimals in the other
# First and last characters of scripts that are written without spaces between words.
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


def unigram_entries(folder: str, tokenizer: dict[str, Any]) -> Entries:
    """Reads spiece.model and compares it with tokenizer.json.

    Raises:
        VocabularyError: the two differ, or an entry or a special cannot be as it is.
    """
    content = read_file(folder, SPIECE_FILE)
    path = storage.join(folder, TOKENIZER_FILE)
    check_unigram(tokenizer, path)
    vocab = tokenizer["model"]["vocab"]
    _compare(vocab, read_pieces(content, storage.join(folder, SPIECE_FILE)), path)
    tokens = tuple(piece for piece, _ in vocab)
    check_nfc(tokenizer, tokens, path)
    ids = {token: n for n, token in enumerate(tokens)}
    named_ids = tuple(ids[name] for name in PIECE_SPECIALS)
    special_ids = added_specials(tokenizer) | set(named_ids)
    continuation = np.array([continues_word(token) for token in tokens])
    ends = np.array([ends_word(token) for token in tokens])
    continuation[list(special_ids)], ends[list(special_ids)] = False, True
    # What is unknown is a part of a word: each begins with a piece that is known.
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


def continues_word(piece: str) -> bool:
    """Whether a piece goes on with the word before it.

    Not if a space is before it, nor if it begins with punctuation, nor in scripts without spaces,
    where pieces are the nearest to words that there is. Hangul is written with spaces, so that an
    eojeol is a word.
    """
    return not (piece.startswith(WORD_BEGIN) or _is_apart(piece[0]))


def ends_word(piece: str) -> bool:
    """Whether the next piece begins a word, whatever it is: behind punctuation, and behind Han."""
    return piece != WORD_BEGIN and _is_apart(piece[-1])


def _is_apart(character: str) -> bool:
    is_symbol = character.isascii() and character.isprintable() and not character.isalnum()
    if is_symbol or unicodedata.category(character).startswith("P"):
        return character != WORD_BEGIN
    return any(first <= character <= last for first, last in _UNSPACED)


def check_unigram(tokenizer: dict[str, Any], path: str) -> None:
    """Refuses a tokenizer.json that does not tokenise as SentencePiece's unigram models do.

    Raises:
        VocabularyError: so it is, or ALBERT's specials are not all there.
    """
    model = tokenizer["model"]
    entries = [piece for piece, _ in model["vocab"]]
    missing = [name for name in PIECE_SPECIALS if name not in entries]
    if missing:
        raise VocabularyError(
            f"{path}: {', '.join(missing)} missing. A SentencePiece vocabulary needs ALBERT's "
            f"{', '.join(PIECE_SPECIALS)}. Import an ALBERT's, or train one."
        )
    if len(set(entries)) < len(entries):
        raise VocabularyError(
            f"{path}: two ids for one piece. Take the vocabulary from its source again."
        )
    if entries.index("<unk>") != model.get("unk_id") or model.get("byte_fallback"):
        raise VocabularyError(
            f"{path}: what it does not know does not become <unk>. Import a vocabulary with "
            f"ALBERT's specials and without byte fallback, or train one."
        )
    strangers = [
        a["content"] for a in tokenizer.get("added_tokens") or () if a["id"] >= len(entries)
    ]
    if strangers:
        raise VocabularyError(
            f"{path}: added tokens that have no piece: {', '.join(strangers[:5])}. Import the "
            f"tokenizer without them."
        )
    steps = steps_of(tokenizer.get("pre_tokenizer"))
    if not any(s["type"] == "Metaspace" and s["replacement"] == WORD_BEGIN for s in steps):
        raise VocabularyError(
            f"{path}: no Metaspace pre-tokenizer, so spaces do not become {WORD_BEGIN}. Import a "
            f"tokenizer that was made of a SentencePiece model."
        )


def read_pieces(content: bytes, path: str) -> list[tuple[str, float]]:
    """The pieces of a SentencePiece model and their scores, in the order of their ids.

    Raises:
        VocabularyError: it is not one.
    """
    from sentencepiece import SentencePieceProcessor

    try:
        model = SentencePieceProcessor(model_proto=content)
        number = model.get_piece_size() if content else 0
        pieces = [(model.id_to_piece(n), model.get_score(n)) for n in range(number)]
    except (RuntimeError, UnicodeDecodeError):  # the latter of a piece that is not UTF-8
        pieces = []
    if not pieces:
        raise VocabularyError(
            f"{path}: not a SentencePiece model. Take the vocabulary from its source again."
        )
    return pieces


def _compare(vocab: list[tuple[str, float]], pieces: list[tuple[str, float]], path: str) -> None:
    same = len(vocab) == len(pieces) and all(
        ours == theirs and abs(a - b) < SCORE_TOLERANCE
        for (ours, a), (theirs, b) in zip(vocab, pieces, strict=True)
    )
    if not same:
        raise VocabularyError(
            f"{path}: its entries are not those of {SPIECE_FILE} beside it. "
            f"The two files are of different vocabularies: take both from one source."
        )
