"""Raw text to token ids inside a TensorFlow graph, with the ids of the `tokenizers` library.

TensorFlow Text's own BERT tokenizers cannot lower-case without stripping accents, which takes
Hangul apart, and turn control characters into spaces where `tokenizers` removes them. So the
steps of tokenizer.json's normaliser and of BertPreTokenizer are spelled out here.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_text as tf_text

from core import storage
from core.errors import InputError
from core.vocabulary.vocabulary import Vocabulary

MAX_WORD_CHARACTERS = 100  # a longer word is [UNK] (`tokenizers`' WordPiece)
# BertNormalizer's "Chinese characters": each becomes a word. Hangul and kana are not among them.
_CJK = (
    r"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}"
    r"\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}])"
)
_CONTROL = r"[\x{0}-\x{8}\x{B}\x{C}\x{E}-\x{1F}\x{7F}-\x{9F}\x{FFFD}\p{Cf}\p{Co}]"
_SPACE = r"[\t\n\r\p{Z}]+"
_PUNCTUATION = r"[!-/:-@\[-`{-~\p{P}]"
_NO_WORD = "\x00"  # in no vocabulary, so that it becomes [UNK]


Step = Callable[[tf.Tensor], tf.Tensor]
# What a spiece.model does by itself: its own table, spaces made one, none at the end.
_DONE_BY_MODEL = ("Precompiled", "Strip", {"Regex": " {2,}"})


def _replace(pattern: str, by: str) -> Step:
    return lambda text: tf.strings.regex_replace(text, pattern, by)


def _form(name: str) -> Step:
    return lambda text: tf_text.normalize_utf8(text, name)


# Lower-casing knows the form of sigma that ends a word; `tokenizers` goes character by character.
_STEPS: dict[str, Step] = {
    "NFC": _form("NFC"),
    "NFD": _form("NFD"),
    "NFKC": _form("NFKC"),
    "NFKD": _form("NFKD"),
    "clean": lambda text: _replace(_SPACE, " ")(_replace(_CONTROL, "")(text)),
    "space CJK": _replace(_CJK, r" \1 "),
    "StripAccents": _replace(r"\p{Mn}", ""),
    "Lowercase": lambda text: tf.strings.lower(_replace("Σ", "σ")(text), encoding="utf-8"),
}


class TextToIds(tf.Module):
    """A vocabulary's tokenizer as TensorFlow ops; it can be saved in a SavedModel.

    Args:
        vocabulary: WordPiece with BERT's pre-tokenizer, or SentencePiece.
        max_tokens: of an input, [CLS] and [SEP] among them.
    """

    def __init__(self, vocabulary: Vocabulary, max_tokens: int) -> None:
        super().__init__()
        self._max_tokens = max_tokens
        self._cls_id, self._sep_id = vocabulary.cls_id, vocabulary.sep_id
        self._pad_id = vocabulary.pad_id
        self._is_wordpiece = vocabulary.kind == "wordpiece"
        tokenizer = json.loads(vocabulary.tokenizer().to_str())
        self._steps = normaliser_steps(tokenizer["normalizer"])
        make = _wordpiece_tokenizer if self._is_wordpiece else _sentencepiece_tokenizer
        self._tokenizer = make(vocabulary)

    def pieces(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The ids of (B,) strings, without specials: (B, None) int32."""
        for step in self._steps:
            text = step(text)
        if not self._is_wordpiece:
            return self._tokenizer.tokenize(text)
        words = tf_text.regex_split(text, rf"{_SPACE}|{_PUNCTUATION}", _PUNCTUATION)
        lengths = tf.strings.length(words.flat_values, unit="UTF8_CHAR")
        known = tf.where(lengths > MAX_WORD_CHARACTERS, _NO_WORD, words.flat_values)
        return self._tokenizer.tokenize(words.with_flat_values(known)).merge_dims(1, 2)

    def inputs(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """`[CLS] text [SEP]`, cut to the most tokens that fit and padded to the batch's longest.

        Returns:
            input_ids, input_mask and segment_ids, each (B, L) int32.
        """
        pieces = self.pieces(text)[:, : self._max_tokens - 2]
        ends = tf.ones([tf.shape(text)[0], 1], tf.int32)
        ids = tf.concat([ends * self._cls_id, pieces, ends * self._sep_id], 1)
        input_ids = ids.to_tensor(self._pad_id)
        input_mask = tf.sequence_mask(ids.row_lengths(), dtype=tf.int32)
        return input_ids, input_mask, tf.zeros_like(input_ids)


def _wordpiece_tokenizer(vocabulary: Vocabulary) -> Any:
    return tf_text.FastWordpieceTokenizer(
        vocab=list(vocabulary.tokens),
        suffix_indicator="##",
        # The limit in characters is kept by the caller; 4 bytes are the most that UTF-8 needs.
        max_bytes_per_word=4 * MAX_WORD_CHARACTERS,
        unknown_token="[UNK]",  # noqa: S106 - an entry of the vocabulary
        no_pretokenization=True,
        token_out_type=tf.int32,
    )


def _sentencepiece_tokenizer(vocabulary: Vocabulary) -> Any:
    model = storage.read_bytes(storage.join(vocabulary.folder, vocabulary.model_file))
    return tf_text.SentencepieceTokenizer(model=model, out_type=tf.int32)


def normaliser_steps(normaliser: dict[str, Any] | None) -> list[Step]:
    """A tokenizer.json's normaliser as functions, in their order.

    Raises:
        InputError: a part that has no counterpart here.
    """
    if normaliser is None:
        return []
    kind = normaliser["type"]
    if kind == "Sequence":
        return [step for part in normaliser["normalizers"] for step in normaliser_steps(part)]
    if kind == "BertNormalizer":
        strip = normaliser["strip_accents"]
        asked = {
            "clean": normaliser["clean_text"],
            "space CJK": normaliser["handle_chinese_chars"],
            # null means "as lowercase says", BERT's own habit.
            "NFD": normaliser["lowercase"] if strip is None else strip,
            "StripAccents": normaliser["lowercase"] if strip is None else strip,
            "Lowercase": normaliser["lowercase"],
        }
        return [_STEPS[step] for step, is_asked in asked.items() if is_asked]
    if kind in _DONE_BY_MODEL or normaliser.get("pattern") in _DONE_BY_MODEL:
        return []
    if kind == "Replace" and "String" in normaliser["pattern"]:
        by = normaliser["content"].replace("\\", r"\\")
        return [_replace(re.escape(normaliser["pattern"]["String"]), by)]
    if kind not in _STEPS:
        raise InputError(
            f"The tokenizer's normaliser has the step {kind!r}, which the exported model cannot "
            f"do. Use a tokenizer with BERT's or ALBERT's normaliser."
        )
    return [_STEPS[kind]]
