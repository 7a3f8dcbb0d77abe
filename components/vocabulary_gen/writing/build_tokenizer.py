"""Build the text normalizer and the WordPiece and unigram tokenizers."""

from collections.abc import Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from components.settings import VocabularySettings
from core.vocabulary.unigram import PIECE_SPECIALS, WORD_BEGIN
from core.vocabulary.wordpiece import SPECIALS

MAX_WORD_CHARACTERS = 100  # a longer word becomes [UNK], as in `transformers`
CONTINUATION = "##"

Pieces = Sequence[tuple[str, float]]  # piece and its log-probability, by id


def make_normalizer(settings: VocabularySettings) -> Any:
    """Return NFC, BERT's normalizer, and NFC again.

    The second NFC composes characters that lowercasing leaves apart and Hangul that stripping
    accents has decomposed, so that Korean stays intact with any setting. NFKC is not used: it
    would turn ㅋㅋ, which is common in Korean, into other jamo, and ① into 1.
    """
    bert = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.splits_cjk,
        strip_accents=settings.strip_accents,
        lowercase=settings.lowercase,
    )
    return normalizers.Sequence([normalizers.NFC(), bert, normalizers.NFC()])


def wordpiece_tokenizer(vocab: dict[str, int], normalizer: Any) -> Tokenizer:
    """Return a WordPiece tokenizer of these entries, with BERT's special tokens added."""
    model = models.WordPiece(
        vocab, unk_token=SPECIALS[1], max_input_chars_per_word=MAX_WORD_CHARACTERS
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION)
    _add_specials(tokenizer, SPECIALS, vocab)
    return tokenizer


def unigram_tokenizer(pieces: Pieces, normalizer: Any, prepend: str) -> Tokenizer:
    """Return a unigram tokenizer of these pieces, with ALBERT's special tokens added.

    Args:
        pieces: the id of a piece is its index.
        normalizer: applied before runs of spaces are merged and become `▁`.
        prepend: where to insert a missing space: "always" before each part of the text, or
            "first", so that there is none before the full stop in `데비안은 [MASK].`
    """
    ids = {piece: n for n, (piece, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(list(pieces), ids[PIECE_SPECIALS[1]], False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizer,
            normalizers.Replace(WORD_BEGIN, " "),
            normalizers.Replace(Regex(" {2,}"), " "),
            # Metaspace takes a space on the left as the one that it would insert.
            normalizers.Strip(left=False, right=True),
        ]
    )
    metaspace: dict[str, Any] = {"prepend_scheme": prepend, "split": True}
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**metaspace)
    tokenizer.decoder = decoders.Metaspace(**metaspace)
    _add_specials(tokenizer, PIECE_SPECIALS, ids)
    return tokenizer


def _add_specials(tokenizer: Tokenizer, specials: Sequence[str], ids: dict[str, int]) -> None:
    """Add special tokens, and put [CLS] and [SEP] around text for other readers."""
    tokenizer.add_special_tokens(list(specials))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(name, ids[name]) for name in ("[CLS]", "[SEP]")],
    )
