"""Raw text to token ids inside a TensorFlow graph, with the ids of the `tokenizers` library.

TensorFlow Text's own BERT tokenizers cannot lower-case without stripping accents, which takes
Hangul apart, and turn control characters into spaces where `tokenizers` removes them. So the
steps of `tokenizers`' BertNormalizer and BertPreTokenizer are spelled out here.
"""

import tensorflow as tf
import tensorflow_text as tf_text

from trainer.vocabulary import Vocabulary

MAX_WORD_CHARACTERS = 100  # a longer word is [UNK] (`tokenizers`' WordPiece)
# BertNormalizer's "Chinese characters": each becomes a word. Hangul and kana are not among them.
_CJK = (
    r"([\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}"
    r"\x{2B740}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}])"
)
_CONTROL = r"[\x{0}-\x{8}\x{B}\x{C}\x{E}-\x{1F}\x{7F}-\x{9F}\x{FFFD}\p{Cf}\p{Co}]"
_SPACE = r"[\t\n\r\p{Z}]+"
_PUNCTUATION = r"[!-/:-@\[-`{-~\p{P}]"
_NO_WORD = "\x00"  # in no vocabulary, because the text was cleaned of it


class TextToIds(tf.Module):
    """A vocabulary's tokenizer as TensorFlow ops; it can be saved in a SavedModel."""

    def __init__(self, vocabulary: Vocabulary, max_tokens: int) -> None:
        super().__init__()
        self._max_tokens = max_tokens  # of an input, [CLS] and [SEP] among them
        self._cls_id, self._sep_id = vocabulary.cls_id, vocabulary.sep_id
        self._pad_id = vocabulary.pad_id
        self._lowercase, self._strip_accents = vocabulary.lowercase, vocabulary.strip_accents
        self._wordpiece = tf_text.FastWordpieceTokenizer(
            vocab=list(vocabulary.tokens),
            suffix_indicator="##",
            # The limit in characters is kept below; 4 bytes are the most that UTF-8 needs.
            max_bytes_per_word=4 * MAX_WORD_CHARACTERS,
            unknown_token="[UNK]",  # noqa: S106 - an entry of the vocabulary
            no_pretokenization=True,
            token_out_type=tf.int32,
        )

    def pieces(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The ids of (B,) strings, without specials: (B, None) int32."""
        words = tf_text.regex_split(
            self._normalise(text), rf"{_SPACE}|{_PUNCTUATION}", _PUNCTUATION
        )
        lengths = tf.strings.length(words.flat_values, unit="UTF8_CHAR")
        known = tf.where(lengths > MAX_WORD_CHARACTERS, _NO_WORD, words.flat_values)
        return self._wordpiece.tokenize(words.with_flat_values(known)).merge_dims(1, 2)

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

    def _normalise(self, text: tf.Tensor) -> tf.Tensor:
        text = tf_text.normalize_utf8(text, "NFC")
        text = tf.strings.regex_replace(text, _CONTROL, "")
        text = tf.strings.regex_replace(text, _SPACE, " ")
        text = tf.strings.regex_replace(text, _CJK, r" \1 ")
        if self._strip_accents:
            text = tf.strings.regex_replace(tf_text.normalize_utf8(text, "NFD"), r"\p{Mn}", "")
        return tf.strings.lower(text, encoding="utf-8") if self._lowercase else text
