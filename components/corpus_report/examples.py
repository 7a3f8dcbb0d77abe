"""Instances to text as a person reads it, the tokens that are to be predicted marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from components.corpus_report.read_artifacts import Record
from core.safe_text import visible

SPACE = "▁"  # SentencePiece: a space stands before this piece; WordPiece: `##`, none does
SPECIALS = ("[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]", "<unk>", "<pad>")
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
    has_spaces = SPACE in tokens
    for position in range(real):
        piece = _piece(tokens, ids[position], originals.get(position), has_spaces)
        segments[min(segment_ids[position], 1)].append(piece)
    return Example(
        segments=tuple(tuple(segment) for segment in segments if segment),
        label=_label(record),
        real_tokens=real,
        masked_tokens=len(originals),
    )


def _piece(tokens: Sequence[str], token_id: int, original: int | None, has_spaces: bool) -> Piece:
    seen = tokens[token_id]
    if original is None:
        if seen in SPECIALS:
            return Piece(visible(seen), "special")
        return _word(seen, "plain", has_spaces)
    written = tokens[original]
    if seen == "[MASK]":
        return _word(written, "masked", has_spaces)
    if seen == written:
        return _word(written, "kept", has_spaces)
    return _word(written, "random", has_spaces, seen)


def _word(token: str, kind: Kind, has_spaces: bool, shown: str = "") -> Piece:
    """`##ing` continues a word; with SentencePiece, whatever has no `▁` before it does."""
    if has_spaces:
        continues = not token.startswith(SPACE)
        text = token.removeprefix(SPACE)
    else:
        continues = token.startswith("##") and len(token) > 2
        text = token[2:] if continues else token
    return Piece(visible(text), kind, visible(shown), not continues)


def _label(record: Record) -> str:
    if labels := _ints(record, "next_sentence_labels"):
        return (
            "the second segment is from elsewhere"
            if labels[0]
            else "the segments follow each other"
        )
    if labels := _ints(record, "sentence_order_labels"):
        return "the segments are swapped" if labels[0] else "the segments are in order"
    return ""


def _ints(record: Record, name: str) -> list[int]:
    return cast("list[int]", record.get(name, []))
