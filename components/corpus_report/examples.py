"""Convert instances back to readable text, with the tokens to predict marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from components.corpus_report.read_artifacts import Record
from core.wording import visible

SPACE = "▁"  # SentencePiece marks a piece after a space; WordPiece marks one without by `##`
SPECIALS = ("[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]", "<unk>", "<pad>")
Kind = Literal["plain", "special", "masked", "random", "kept"]


@dataclass(frozen=True)
class Piece:
    """A piece of text in an example."""

    text: str  # the original text, or the name of a special token
    kind: Kind
    shown: str = ""  # for `random`: what the model sees instead
    space: bool = True  # whether there is a space before the piece


@dataclass(frozen=True, kw_only=True)
class Example:
    """One instance."""

    segments: tuple[tuple[Piece, ...], ...]  # one or two
    label: str  # describes the pair; empty without a label
    real_tokens: int
    masked_tokens: int


def read_example(record: Record, tokens: Sequence[str]) -> Example:
    """Convert ids to text and restore the original of each masked token.

    Only static instances are masked.
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
    shown = tokens[token_id]
    if original is None:
        if shown in SPECIALS:
            return Piece(visible(shown), "special")
        return _word(shown, "plain", has_spaces)
    token = tokens[original]
    if shown == "[MASK]":
        return _word(token, "masked", has_spaces)
    if shown == token:
        return _word(token, "kept", has_spaces)
    return _word(token, "random", has_spaces, shown)


def _word(token: str, kind: Kind, has_spaces: bool, shown: str = "") -> Piece:
    """Return a piece without its mark: `##` continues a word, and `▁` begins one."""
    if has_spaces:
        continues = not token.startswith(SPACE)
        text = token.removeprefix(SPACE)
    else:
        continues = token.startswith("##") and len(token) > 2
        text = token[2:] if continues else token
    return Piece(visible(text), kind, visible(shown), not continues)


def _label(record: Record) -> str:
    if labels := _ints(record, "next_sentence_labels"):
        return "the second segment is random" if labels[0] else "the segments are consecutive"
    if labels := _ints(record, "sentence_order_labels"):
        return "the segments are swapped" if labels[0] else "the segments are in order"
    return ""


def _ints(record: Record, name: str) -> list[int]:
    return cast("list[int]", record.get(name, []))
