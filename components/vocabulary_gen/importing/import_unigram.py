"""The files of an ALBERT's tokenizer to ours, which keeps its pieces and its normaliser."""

import base64
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer, normalizers

from components.vocabulary_gen.spiece_model import (
    charsmap_of,
    spec_of_charsmap,
    spiece_model,
    unigram_tokenizer,
)
from core import storage
from core.vocabulary.tokenizer_file import (
    TOKENIZER_FILE,
    check_specials,
    flatten_steps,
    special_added_ids,
)
from core.vocabulary.unigram import PIECE_SPECIALS, SPIECE_FILE, check_unigram, read_pieces


def unigram_from_spiece(
    content: bytes, config: Mapping[str, Any], folder: str
) -> tuple[Tokenizer, bytes]:
    """Reads spiece.model; what stands around it is as `transformers` does it for ALBERT.

    Args:
        content: of spiece.model.
        config: tokenizer_config.json; `do_lower_case` and `keep_accents` count.
        folder: for messages.

    Raises:
        VocabularyError: it is not a SentencePiece model with ALBERT's specials.
    """
    path = storage.join(folder, SPIECE_FILE)
    pieces = read_pieces(content, path)
    check_specials({piece for piece, _ in pieces}, PIECE_SPECIALS, path)
    normalizer = albert_normalizer(config, charsmap_of(content))
    return unigram_tokenizer(pieces, normalizer, "always"), content


def unigram_from_json(parsed: dict[str, Any], spiece: bytes | None, folder: str) -> bytes:
    """The spiece.model that goes with a tokenizer.json: the one beside it, or one made of it.

    Raises:
        VocabularyError: tokenizer.json is not one that is read here.
    """
    check_unigram(parsed, storage.join(folder, TOKENIZER_FILE))
    if spiece is not None:
        return spiece
    model = parsed["model"]
    specials = special_added_ids(parsed)
    specials |= {n for n, (piece, _) in enumerate(model["vocab"]) if piece in PIECE_SPECIALS}
    tables = [s for s in flatten_steps(parsed.get("normalizer")) if s["type"] == "Precompiled"]
    charsmap = base64.b64decode(tables[0]["precompiled_charsmap"]) if tables else b""
    return spiece_model(model["vocab"], specials, model["unk_id"], spec_of_charsmap(charsmap))


def albert_normalizer(config: Mapping[str, Any], charsmap: bytes) -> Any:
    """What `transformers` does to the text of an ALBERT, with its settings and its defaults."""
    steps: list[Any] = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    if not config.get("keep_accents", False):
        steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if config.get("do_lower_case", True):
        steps.append(normalizers.Lowercase())
    if charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    return normalizers.Sequence(steps)
