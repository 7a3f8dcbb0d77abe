"""Import the files of an ALBERT tokenizer, keeping its pieces and its normalizer."""

import base64
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer, normalizers

from components.vocabulary_gen.writing.build_tokenizer import unigram_tokenizer
from components.vocabulary_gen.writing.spiece_model import (
    charsmap_of,
    spec_of_charsmap,
    spiece_model,
)
from core import storage
from core.vocabulary.tokenizer_file import check_specials, flatten_steps, special_added_ids
from core.vocabulary.unigram import PIECE_SPECIALS, SPIECE_FILE, check_unigram, read_pieces


def unigram_from_spiece(
    content: bytes, config: Mapping[str, Any], folder: str
) -> tuple[Tokenizer, bytes]:
    """Build a tokenizer from spiece.model, with the text processing of `transformers` for ALBERT.

    Of tokenizer_config.json only `do_lower_case` and `keep_accents` are used.

    Raises:
        VocabularyError: the content is not a SentencePiece model with ALBERT's special tokens.
    """
    path = storage.join(folder, SPIECE_FILE)
    pieces = read_pieces(content, path)
    check_specials({piece for piece, _ in pieces}, PIECE_SPECIALS, path)
    normalizer = albert_normalizer(config, charsmap_of(content))
    return unigram_tokenizer(pieces, normalizer, "always"), content


def unigram_from_json(parsed: dict[str, Any], spiece: bytes | None, path: str) -> bytes:
    """Return the spiece.model of a tokenizer.json: the one in its folder, or one built from it.

    Raises:
        VocabularyError: tokenizer.json is not of a supported kind.
    """
    check_unigram(parsed, path)
    if spiece is not None:
        return spiece
    model = parsed["model"]
    special_ids = special_added_ids(parsed)
    special_ids |= {n for n, (piece, _) in enumerate(model["vocab"]) if piece in PIECE_SPECIALS}
    tables = [s for s in flatten_steps(parsed.get("normalizer")) if s["type"] == "Precompiled"]
    charsmap = base64.b64decode(tables[0]["precompiled_charsmap"]) if tables else b""
    return spiece_model(model["vocab"], special_ids, model["unk_id"], spec_of_charsmap(charsmap))


def albert_normalizer(config: Mapping[str, Any], charsmap: bytes) -> Any:
    """Return the normalizer of `transformers` for ALBERT, with its settings and its defaults."""
    steps: list[Any] = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    if not config.get("keep_accents", False):
        steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if config.get("do_lower_case", True):
        steps.append(normalizers.Lowercase())
    if charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    return normalizers.Sequence(steps)
