"""Hold the labeled examples of a task, and encode them as tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.draw import draw
from core.errors import InputError
from core.vocabulary.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LENGTH_STEP = 8  # lengths are multiples of it
UNLABELED = -1  # of tokens that are not scored
MOST_LABELS = 20_000  # for a linear classifier, which more labels hardly change

Text = str | tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    """N labeled examples."""

    texts: tuple[tuple[Text, ...], ...]  # one or two texts, or one tuple of words
    labels: tuple[tuple[int, ...], ...]  # one label, or one per word

    @property
    def flat_labels(self) -> np.ndarray:
        """All labels in a row: (N,) int32, or (words,)."""
        return np.array([label for own in self.labels for label in own], np.int32)

    def sample(self) -> "Examples":
        """Return examples with MOST_LABELS labels at most, the same ones every time."""
        drawn = draw(0, "rows").permutation(len(self.texts))
        labels = np.cumsum([len(self.labels[row]) for row in drawn])
        if labels[-1] <= MOST_LABELS:
            return self
        rows = np.sort(drawn[labels <= MOST_LABELS])
        return Examples(
            tuple(self.texts[row] for row in rows), tuple(self.labels[row] for row in rows)
        )


@dataclass(frozen=True, kw_only=True)
class LabeledTask:
    """A task whose examples were read and checked."""

    name: str
    kind: Literal["classify", "pair", "tag"]
    metric: Literal["accuracy", "macro_f1", "matthews"]
    seq_length: int
    labels: tuple[str, ...]  # in the order of their ids
    train: Examples
    eval: Examples

    def shared(self) -> int:
        """Return how many held-out texts are training texts, too."""
        known = set(self.train.texts)
        return sum(text in known for text in self.eval.texts)


def check_positions(task: LabeledTask, positions: int, model: str = "The model") -> None:
    """Refuse a task that is longer than the model.

    Raises:
        InputError: the message names both lengths.
    """
    if task.seq_length > positions:
        raise InputError(
            f"{model} has {positions} positions, but task {task.name} has a seq_length of "
            f"{task.seq_length}. Lower it."
        )


@dataclass(frozen=True)
class Encoded:
    """Examples as arrays."""

    arrays: dict[str, np.ndarray]
    """`input_ids`, `input_mask`, `segment_ids` and `task_labels` (N, L) int32. The label of a text
    is at [CLS], that of a word at its first piece; elsewhere there is UNLABELED."""
    cut: int  # examples that lost their end

    @property
    def size(self) -> int:
        """Return N."""
        return len(self.arrays["input_ids"])

    @property
    def labels(self) -> np.ndarray:
        """Return the labels that are scored, in order: (S,) int32."""
        labels = self.arrays["task_labels"]
        return labels[labels != UNLABELED]


def encode(examples: Examples, vocabulary: Vocabulary, seq_length: int) -> Encoded:
    """Encode examples as `[CLS] text [SEP]` or `[CLS] text [SEP] second text [SEP]`.

    A pair that is too long loses tokens of the longer text first (BERT's truncation). Words are
    encoded one by one, so that each has a first piece.

    Args:
        examples: N examples.
        vocabulary: of the model.
        seq_length: tokens per example at most.

    Returns:
        Arrays of the length of the longest example, rounded up.
    """
    tokenizer = vocabulary.tokenizer()
    rows, cut = [], 0
    for texts, labels in zip(examples.texts, examples.labels, strict=True):
        row, is_cut = _encode_row(texts, labels, tokenizer, vocabulary, seq_length)
        rows.append(row)
        cut += is_cut
    longest = max(len(ids) for ids, _, _ in rows)
    length = min(seq_length, -(-longest // LENGTH_STEP) * LENGTH_STEP)
    shape = len(rows), length
    arrays = {
        "input_ids": np.full(shape, vocabulary.pad_id, np.int32),
        "input_mask": np.zeros(shape, np.int32),
        "segment_ids": np.zeros(shape, np.int32),
        "task_labels": np.full(shape, UNLABELED, np.int32),
    }
    for number, (ids, segments, places) in enumerate(rows):
        arrays["input_ids"][number, : len(ids)] = ids
        arrays["input_mask"][number, : len(ids)] = 1
        arrays["segment_ids"][number, : len(ids)] = segments
        for position, label in places:
            arrays["task_labels"][number, position] = label
    return Encoded(arrays, cut)


_Row = tuple[list[int], list[int], list[tuple[int, int]]]  # ids; segments; (position, label)


def _encode_row(
    texts: Sequence[Text],
    labels: Sequence[int],
    tokenizer: "Tokenizer",
    vocabulary: Vocabulary,
    seq_length: int,
) -> tuple[_Row, bool]:
    if isinstance(texts[0], tuple):
        return _encode_words(texts[0], labels, tokenizer, vocabulary, seq_length)
    parts = [tokenizer.encode(text).ids for text in texts]
    room = seq_length - 1 - len(parts)
    is_cut = sum(map(len, parts)) > room
    while sum(map(len, parts)) > room:
        max(parts, key=len).pop()
    ids, segments = [vocabulary.cls_id], [0]
    for segment, part in enumerate(parts):
        ids += [*part, vocabulary.sep_id]
        segments += [segment] * (len(part) + 1)
    return (ids, segments, [(0, labels[0])]), is_cut


def _encode_words(
    words: Sequence[str],
    labels: Sequence[int],
    tokenizer: "Tokenizer",
    vocabulary: Vocabulary,
    seq_length: int,
) -> tuple[_Row, bool]:
    ids, places = [vocabulary.cls_id], []
    for encoding, label in zip(tokenizer.encode_batch(list(words)), labels, strict=True):
        if len(ids) < seq_length - 1:
            places.append((len(ids), label))
        ids += encoding.ids or [vocabulary.unk_id]
    is_cut = len(ids) > seq_length - 1
    ids = [*ids[: seq_length - 1], vocabulary.sep_id]
    return (ids, [0] * len(ids), places), is_cut
