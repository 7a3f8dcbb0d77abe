"""Instances to text as a person reads it, the tokens that are to be predicted marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from components.corpus_report.reading import Record
from components.safe_text import visible

Kind = Literal["plain", "special", "masked", "random", "kept"]


@dataclass(frozen=True)
class Piece:
    """A run of text in an example."""

    text: str  # what the author wrote; of a special token its name
    kind: Kind
    shown: str = ""  # for `random`: what the model sees instead
    space: bool = True  # whether a space stands before it


@dataclass(frozen=True, kw_only=True)
class Example:
    """One instance."""

    segments: tuple[tuple[Piece, ...], ...]  # one or two
    label: str  # what the pair is; empty where there is none
    real_tokens: int
    masked_tokens: int


def read_example(record: Record, tokens: Sequence[str]) -> Example:
    """Turns ids into words and puts the original of each masked slot back in its place.

    Args:
        record: an instance of either form; only static ones hold masks.
        tokens: the vocabulary's pieces by id.
    """
    ids = _ints(record, "input_ids")
    mask = _ints(record, "input_mask") or [1] * len(ids)
    segment_ids = _ints(record, "segment_ids") or [0] * len(ids)
    weights = record.get("masked_lm_weights", [])
    slots = zip(
        _ints(record, "masked_lm_positions"), _ints(record, "masked_lm_ids"), weights, strict=False
    )
    originals = {position: label for position, label, weight in slots if weight}
    real = sum(mask)
    segments: list[list[Piece]] = [[], []]
    for position in range(real):
        piece = _piece(tokens, ids[position], originals.get(position))
        segments[min(segment_ids[position], 1)].append(piece)
    return Example(
        segments=tuple(tuple(segment) for segment in segments if segment),
        label=_label(_ints(record, "next_sentence_labels")),
        real_tokens=real,
        masked_tokens=len(originals),
    )


def _piece(tokens: Sequence[str], token_id: int, original: int | None) -> Piece:
    seen = tokens[token_id]
    if original is None:
        special = seen in ("[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]")
        return _word(seen, "special" if special else "plain")
    written = tokens[original]
    if seen == "[MASK]":
        return _word(written, "masked")
    return _word(written, "kept") if seen == written else _word(written, "random", seen)


def _word(token: str, kind: Kind, shown: str = "") -> Piece:
    """`##ing` continues a word: no space before it."""
    continues = token.startswith("##") and len(token) > 2
    return Piece(visible(token[2:] if continues else token), kind, visible(shown), not continues)


def _label(labels: Sequence[int]) -> str:
    if not labels:
        return ""
    return "the second segment is from elsewhere" if labels[0] else "the segments follow each other"


def _ints(record: Record, name: str) -> list[int]:
    return cast("list[int]", record.get(name, []))
