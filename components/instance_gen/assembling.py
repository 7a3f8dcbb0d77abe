"""Spans to padded inputs: `[CLS] A [SEP] B [SEP]`, a whole batch at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.instance_gen.spans import PAIR_SPECIALS, SINGLE_SPECIALS, Spans
from components.instance_gen.tokenizing import Int32, Int64
from core.vocabulary.vocabulary import Vocabulary

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Batch:
    """n instances before masking.

    input_ids    [CLS] 7 8 [SEP] 9 [SEP] [PAD]
    input_mask     1   1 1   1   1   1     0
    segment_ids    0   0 0   0   1   1     0
    word_starts    1   1 0   1   1   1     1     8 continues the word that 7 begins
    maskable       0   1 1   0   1   0     0
    """

    input_ids: Int32  # (n, L), and so the four that follow
    input_mask: Bool
    segment_ids: Bool | Int64  # of imported instances, more than 0 and 1
    word_starts: Bool
    maskable: Bool  # no special token and no padding
    lengths: Int64  # (n,) real tokens, specials among them
    label: Int64  # (n,)


def assemble(ids: Int32, spans: Spans, seq_length: int, vocabulary: Vocabulary) -> Batch:
    """Lays the spans out in rows of `seq_length`.

    Args:
        ids: (T,) the text that the spans point into.
        spans: n instances, each of at most L tokens with its specials.
        seq_length: L.
        vocabulary: special ids, and where words begin.
    """
    column = np.arange(seq_length)[None, :]
    first_end = spans.first_length[:, None] + 1  # where the first [SEP] stands
    has_second = spans.second_length > 0
    specials = np.where(has_second, PAIR_SPECIALS, SINGLE_SPECIALS)
    lengths = spans.first_length + spans.second_length + specials
    source = np.where(
        column < first_end,
        spans.first_start[:, None] - 1,
        spans.second_start[:, None] - first_end - 1,
    )
    input_ids = ids.take(source + column, mode="clip")
    rows = np.arange(len(spans))
    input_ids[:, 0] = vocabulary.cls_id
    input_ids[rows, first_end[:, 0]] = vocabulary.sep_id
    input_ids[rows, lengths - 1] = vocabulary.sep_id
    input_mask = column < lengths[:, None]
    np.copyto(input_ids, vocabulary.pad_id, where=~input_mask)
    word_starts = find_words(input_ids, vocabulary)
    # A segment that was cut at its front may begin inside a word; that is a word of its own here.
    word_starts[:, 1] = True
    after_separator = np.minimum(first_end[:, 0] + 1, seq_length - 1)
    word_starts[rows, after_separator] = True
    return Batch(
        input_ids=input_ids,
        input_mask=input_mask,
        segment_ids=(column > first_end) & input_mask,
        word_starts=word_starts,
        maskable=~special_table(vocabulary)[input_ids] & input_mask,
        lengths=lengths,
        label=spans.label,
    )


def find_words(input_ids: Int32, vocabulary: Vocabulary) -> Bool:
    """(n, L) whether a piece begins a word.

    In WordPiece a piece says so by itself. In SentencePiece the one before counts too: what
    follows punctuation or a Chinese character begins a word without a sign of its own.
    """
    starts = ~vocabulary.continuation[input_ids]
    if vocabulary.ends_word.any():
        starts[:, 1:] |= vocabulary.ends_word[input_ids[:, :-1]]
    return starts


def special_table(vocabulary: Vocabulary) -> Bool:
    """(V,) whether an id is special: never masked, never drawn."""
    table = np.zeros(vocabulary.size, np.bool_)
    table[list(vocabulary.special_ids)] = True
    return table
