"""Assemble ranges of text to padded inputs, `[CLS] A [SEP] B [SEP]`, a batch at a time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.instance_gen.pairing.token_ranges import PAIR_SPECIALS, SINGLE_SPECIALS, TokenRanges
from components.instance_gen.tokenizing.ragged import Int32, Int64
from core.vocabulary.vocabulary import Vocabulary

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class UnmaskedBatch:
    """n instances before masking.

    input_ids    [CLS] 7 8 [SEP] 9 [SEP] [PAD]
    input_mask     1   1 1   1   1   1     0
    segment_ids    0   0 0   0   1   1     0
    word_starts    1   1 0   1   1   1     1     8 continues the word that starts with 7
    maskable       0   1 1   0   1   0     0
    """

    input_ids: Int32  # (n, L), as the next four
    input_mask: Bool
    segment_ids: Bool | Int64  # imported instances may have more than 0 and 1
    word_starts: Bool
    maskable: Bool  # neither special tokens nor padding
    lengths: Int64  # (n,) real tokens including special ones
    label: Int64  # (n,)


def assemble(
    ids: Int32, ranges: TokenRanges, seq_length: int, vocabulary: Vocabulary
) -> UnmaskedBatch:
    """Lay out ranges in rows of `seq_length`.

    The ranges refer to the text `ids` (T,); none has more than L tokens, including special ones.
    """
    column = np.arange(seq_length)[None, :]
    first_end = ranges.first_length[:, None] + 1  # column of the first [SEP]
    has_second = ranges.second_length > 0
    specials = np.where(has_second, PAIR_SPECIALS, SINGLE_SPECIALS)
    lengths = ranges.first_length + ranges.second_length + specials
    source = np.where(
        column < first_end,
        ranges.first_start[:, None] - 1,
        ranges.second_start[:, None] - first_end - 1,
    )
    input_ids = ids.take(source + column, mode="clip")
    rows = np.arange(len(ranges))
    input_ids[:, 0] = vocabulary.cls_id
    input_ids[rows, first_end[:, 0]] = vocabulary.sep_id
    input_ids[rows, lengths - 1] = vocabulary.sep_id
    input_mask = column < lengths[:, None]
    np.copyto(input_ids, vocabulary.pad_id, where=~input_mask)
    word_starts = find_words(input_ids, vocabulary)
    # A segment truncated at its front may begin inside a word; the rest counts as a word.
    word_starts[:, 1] = True
    after_separator = np.minimum(first_end[:, 0] + 1, seq_length - 1)
    word_starts[rows, after_separator] = True
    return UnmaskedBatch(
        input_ids=input_ids,
        input_mask=input_mask,
        segment_ids=(column > first_end) & input_mask,
        word_starts=word_starts,
        maskable=~special_table(vocabulary)[input_ids] & input_mask,
        lengths=lengths,
        label=ranges.label,
    )


def find_words(input_ids: Int32, vocabulary: Vocabulary) -> Bool:
    """Return which pieces begin a word (n, L).

    In WordPiece the piece itself shows it. In SentencePiece the piece before counts as well: a
    piece after punctuation or a Chinese character begins a word without a mark of its own.
    """
    starts = ~vocabulary.continuation[input_ids]
    if vocabulary.ends_word.any():
        starts[:, 1:] |= vocabulary.ends_word[input_ids[:, :-1]]
    return starts


def special_table(vocabulary: Vocabulary) -> Bool:
    """Return which ids are special (V,): never masked and never drawn as replacements."""
    table = np.zeros(vocabulary.size, np.bool_)
    table[list(vocabulary.special_ids)] = True
    return table


def ordinary_ids(vocabulary: Vocabulary) -> Int32:
    """Return the ids of all tokens that are not special."""
    return np.flatnonzero(~special_table(vocabulary)).astype(np.int32)
