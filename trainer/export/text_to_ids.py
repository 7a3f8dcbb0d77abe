"""Tokenize raw text in a TensorFlow graph, with the same ids as the `tokenizers` library.

The mask token in a text is one token, as in `transformers`; the names of the other special tokens
are ordinary text.

The BERT tokenizers of TensorFlow Text cannot lowercase without stripping accents, which decomposes
Hangul, and they replace control characters by spaces where `tokenizers` removes them. This module
therefore implements the steps of tokenizer.json's normalizer and of BertPreTokenizer.
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_text as tf_text

from core import storage
from core.errors import InputError
from core.vocabulary.tokenizer_file import flatten_steps, read_tokenizer
from core.vocabulary.vocabulary import Vocabulary

MAX_WORD_CHARACTERS = 100  # a longer word is [UNK] (`tokenizers`' WordPiece)
# The "Chinese characters" of BertNormalizer, without Hangul and kana: each becomes a word.
_CJK = (
    r"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}"
    r"\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}])"
)
_CONTROL = r"[\x{0}-\x{8}\x{B}\x{C}\x{E}-\x{1F}\x{7F}-\x{9F}\x{FFFD}\p{Cf}\p{Co}]"
_SPACE = r"[\t\n\r\p{Z}]+"
_PUNCTUATION = r"[!-/:-@\[-`{-~\p{P}]"
_UNKNOWN_WORD = "\x00"  # in no vocabulary, so it becomes [UNK]
_BEGINS_WITH_SPACE = r"^[\s\p{Z}]"
# Appended to a ModelProto, which merges it in: normalizer_spec {add_dummy_prefix: false}.
_NO_PREFIX = b"\x1a\x02\x18\x00"

Step = Callable[[tf.Tensor], tf.Tensor]
# Steps that spiece.model performs itself: its character map, and removing extra spaces.
_IN_MODEL = ("Precompiled", "Strip", {"Regex": " {2,}"})


def _replace(pattern: str, by: str) -> Step:
    return lambda text: tf.strings.regex_replace(text, pattern, by)


def _form(name: str) -> Step:
    return lambda text: tf_text.normalize_utf8(text, name)


# TensorFlow lowercases a final sigma differently; `tokenizers` treats each character alone.
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
    """A vocabulary's tokenizer as TensorFlow ops, which can be saved in a SavedModel.

    Args:
        vocabulary: WordPiece with BERT's pre-tokenizer, or SentencePiece.
        max_tokens: per input, including [CLS] and [SEP].
    """

    def __init__(self, vocabulary: Vocabulary, max_tokens: int) -> None:
        super().__init__()
        self._max_tokens = max_tokens
        self._cls_id, self._sep_id = vocabulary.cls_id, vocabulary.sep_id
        self._pad_id, self._mask_id = vocabulary.pad_id, vocabulary.mask_id
        self._mask = vocabulary.tokens[vocabulary.mask_id]
        tokenizer = json.loads(vocabulary.tokenizer().to_str())
        self._steps = normalizer_steps(tokenizer["normalizer"])
        is_wordpiece = vocabulary.kind == "wordpiece"
        self._parts_to_ids = _WordPiece(vocabulary) if is_wordpiece else _SentencePiece(vocabulary)

    def pieces(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Return the ids of (B,) strings, without [CLS] and [SEP]: (B, None) int32.

        The parts between mask tokens are tokenized one by one:

            "The [MASK]."  parts "The ", "."  ids of The, [MASK] and .
        """
        parts = tf.strings.split(text, self._mask)
        flat = parts.flat_values
        for step in self._steps:
            flat = step(flat)
        is_first = tf.equal(tf.ragged.range(parts.row_lengths()).flat_values, 0)
        pieces = self._parts_to_ids(flat, is_first)
        masks = tf.RaggedTensor.from_row_lengths(
            tf.fill([tf.math.count_nonzero(~is_first)], self._mask_id), tf.cast(~is_first, tf.int64)
        )
        return parts.with_flat_values(tf.concat([masks, pieces], 1)).merge_dims(1, 2)

    def inputs(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return `[CLS] text [SEP]`, truncated to `max_tokens` and padded to the longest input.

        Returns:
            input_ids, input_mask and segment_ids, each (B, L) int32.
        """
        pieces = self.pieces(text)[:, : self._max_tokens - 2]
        ends = tf.ones([tf.shape(text)[0], 1], tf.int32)
        ids = tf.concat([ends * self._cls_id, pieces, ends * self._sep_id], 1)
        input_ids = ids.to_tensor(self._pad_id)
        input_mask = tf.sequence_mask(ids.row_lengths(), dtype=tf.int32)
        return input_ids, input_mask, tf.zeros_like(input_ids)


class _WordPiece(tf.Module):
    """BERT's pre-tokenizer and WordPiece."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._tokenizer = tf_text.FastWordpieceTokenizer(
            vocab=list(vocabulary.tokens),
            suffix_indicator="##",
            # The caller limits the characters; UTF-8 needs at most 4 bytes for each.
            max_bytes_per_word=4 * MAX_WORD_CHARACTERS,
            unknown_token="[UNK]",  # noqa: S106 - an entry of the vocabulary
            no_pretokenization=True,
            token_out_type=tf.int32,
        )

    def __call__(self, parts: tf.Tensor, is_first: tf.Tensor) -> tf.RaggedTensor:
        """Return the ids of normalized parts (P,): (P, None) int32."""
        del is_first
        words = tf_text.regex_split(parts, rf"{_SPACE}|{_PUNCTUATION}", _PUNCTUATION)
        lengths = tf.strings.length(words.flat_values, unit="UTF8_CHAR")
        known = tf.where(lengths > MAX_WORD_CHARACTERS, _UNKNOWN_WORD, words.flat_values)
        return self._tokenizer.tokenize(words.with_flat_values(known)).merge_dims(1, 2)


class _SentencePiece(tf.Module):
    """SentencePiece, with a space inserted where tokenizer.json's Metaspace inserts one."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        model = storage.read_bytes(storage.join(vocabulary.folder, vocabulary.model_file))
        self._tokenizer = _sentencepiece(model)
        # "first": no space before the full stop in `The [MASK].`; "always": there is one.
        scheme = _prepend_scheme(vocabulary.folder)
        self._without_space = None if scheme == "always" else _sentencepiece(model + _NO_PREFIX)

    def __call__(self, parts: tf.Tensor, is_first: tf.Tensor) -> tf.RaggedTensor:
        """Return the ids of normalized parts (P,): (P, None) int32.

        Args:
            parts: of texts, between mask tokens.
            is_first: (P,) whether the part begins a text.
        """
        if self._without_space is None:
            return self._tokenizer.tokenize(parts)
        has_space = is_first | tf.strings.regex_full_match(parts, rf"(?s){_BEGINS_WITH_SPACE}.*")
        with_space, without = tf.where(has_space)[:, 0], tf.where(~has_space)[:, 0]
        pieces = [
            self._tokenizer.tokenize(tf.gather(parts, with_space)),
            self._without_space.tokenize(tf.gather(parts, without)),
        ]
        order = tf.argsort(tf.concat([with_space, without], 0))
        return tf.gather(tf.concat(pieces, 0), order)


def _sentencepiece(model: bytes) -> Any:
    # With one name, the two tokenizers of a SavedModel would become one when it is loaded.
    name = f"spiece_{hashlib.sha256(model).hexdigest()}"
    return tf_text.SentencepieceTokenizer(model=model, out_type=tf.int32, name=name)


def _prepend_scheme(folder: str) -> str:
    """Return when the Metaspace step of a tokenizer.json inserts a space: "always" or "first"."""
    steps = flatten_steps(read_tokenizer(folder)[0]["pre_tokenizer"])
    return next(str(s.get("prepend_scheme", "always")) for s in steps if s["type"] == "Metaspace")


def normalizer_steps(normalizer: dict[str, Any] | None) -> list[Step]:
    """Return the steps of a tokenizer.json's normalizer as functions, in order.

    Raises:
        InputError: a step is not supported.
    """
    if normalizer is None:
        return []
    kind = normalizer["type"]
    if kind == "Sequence":
        return [step for part in normalizer["normalizers"] for step in normalizer_steps(part)]
    if kind == "BertNormalizer":
        strip = normalizer["strip_accents"]
        enabled = {
            "clean": normalizer["clean_text"],
            "space CJK": normalizer["handle_chinese_chars"],
            # As in BERT, null means the same as `lowercase`.
            "NFD": normalizer["lowercase"] if strip is None else strip,
            "StripAccents": normalizer["lowercase"] if strip is None else strip,
            "Lowercase": normalizer["lowercase"],
        }
        return [_STEPS[step] for step, is_enabled in enabled.items() if is_enabled]
    if kind in _IN_MODEL or normalizer.get("pattern") in _IN_MODEL:
        return []
    if kind == "Replace" and "String" in normalizer["pattern"]:
        by = normalizer["content"].replace("\\", r"\\")
        return [_replace(re.escape(normalizer["pattern"]["String"]), by)]
    if kind not in _STEPS:
        raise InputError(
            f"tokenizer.json: the exported model does not support the normalizer step {kind!r}. "
            f"Use a tokenizer with the normalizer of BERT or ALBERT."
        )
    return [_STEPS[kind]]
