"""Format numbers, counters, times and facts for the terminal, the report and the model card."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pydantic takes a tenth of a second to import, and every command imports this
    from pydantic import JsonValue

COUNTERS = {
    "files": "text files read",
    "lines": "lines",
    "documents": "documents",
    "sentences": "sentences",
    "text_bytes": "bytes of text (UTF-8)",
    "bad_encoding": "lines that are not UTF-8, dropped",
    "long_line": "lines over the length limit, dropped",
    "empty_files": "files without a sentence",
    "duplicate_documents": "documents that repeat an earlier one",
    "dropped_duplicates": "duplicates dropped",
    "cut_documents": "documents cut at the size limit",
    "control_characters": "control characters removed",
    "byte_order_marks": "byte order marks removed",
    "line_separators": "Unicode line separators replaced by spaces",
    "corpus_tokens": "tokens in the documents (each counted once)",
    "instances": "instances",
    "real_tokens": "real tokens (including [CLS] and [SEP])",
    "padding_tokens": "padding positions",
    "masked_tokens": "tokens to predict",
    "mask_replaced": "… replaced by [MASK]",
    "random_replaced": "… replaced by a random token",
    "kept": "… left unchanged",
    "unknown_tokens": "[UNK] tokens",
    "random_next": "pairs with a random second segment",
    "actual_next": "pairs of consecutive segments",
    "random_from_same_document": "… of them from the same document",
    "swapped": "pairs with swapped segments",
    "in_order": "pairs in order",
    "balancing_instances": "instances added to balance the labels",
    "single_sentence_documents": "documents with a single sentence",
    "empty_documents": "documents without a token, left out",
    "empty_sentences": "sentences without a token, left out",
    "no_pair": "documents without a second sentence, left out",
    "unpaired_tails": "last sentences of documents, left out because none follows",
    "overlong_sentences": "sentences longer than an instance",
    "truncated_tokens": "tokens cut to make a pair fit",
    "unmaskable_instances": "instances without a token to mask",
    "vocab_size": "pieces",
    "measured_words": "words checked for [UNK]",
    "unknown_words": "… of them [UNK]",
    "measured_tokens": "pieces they were split into",
    "alphabet": "characters with a piece of their own",
    "rare_characters": "characters too rare for a piece",
    "trained_bytes": "bytes of training text",
    "missing_entries": "requested pieces that the text did not yield",
}  # fmt: skip


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Return " Did you mean NAME?" for the name closest to a word, ignoring case, or ""."""
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5)
    return f" Did you mean {by_lower[close[0]]}?" if close else ""


def counter_name(name: str) -> str:
    """Return a counter's label; an unknown counter keeps its name, without underscores."""
    return COUNTERS.get(name, name.replace("_", " "))


def counter_order(name: str) -> tuple[int, str]:
    """Return a sort key: the order of COUNTERS, then unknown counters by name."""
    names = list(COUNTERS)
    return (names.index(name) if name in names else len(names), name)


def number(value: float) -> str:
    """Return digits in groups of three: 1,234,567 for an integer, 12.34 for a float."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def plural(count: int, one: str, many: str) -> str:
    """Return a number with its noun: 1 file, 2 files."""
    return f"{number(count)} {one if count == 1 else many}"


def compact(value: float) -> str:
    """Return at most three digits and a unit: 950, 1.2k, 34M, 1.92Z."""
    for limit, unit in zip((1e21, 1e18, 1e15, 1e12, 1e9, 1e6, 1e3), "ZEPTGMk", strict=True):
        if value >= 0.9995 * limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def size(value: float) -> str:
    """Return bytes with a decimal unit: 3.4 MB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"


def percent(value: float | None) -> str:
    """Return a fraction as 12.3 %, or 0.12 % below 1 %; an en dash for None."""
    if value is None:
        return "–"
    if 0 < value < 0.00005:
        return "< 0.01 %"
    digits = 1 if value >= 0.00995 or value == 0 else 2
    return f"{100 * value:.{digits}f} %"


def flatten(facts: JsonValue, prefix: str = "") -> dict[str, str]:
    """Flatten nested facts: {"masking": {"rate": 0.15}} becomes {"masking.rate": "0.15"}."""
    if not isinstance(facts, dict):
        return {prefix: facts if isinstance(facts, str) else json.dumps(facts)}
    flat: dict[str, str] = {}
    for name, value in sorted(facts.items()):
        flat |= flatten(value, f"{prefix}.{name}" if prefix else name)
    return flat


def moment(seconds: float) -> str:
    """Return a Unix time as UTC: 2026-11-23 03:04:05."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return seconds as 4.2 s, 12 min or 3 h 05 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
