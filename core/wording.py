"""Numbers, counters and facts to the words that the report and the model card print."""

import json
from datetime import datetime, timezone

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
    "duplicate_documents": "documents whose content was seen before",
    "dropped_duplicates": "duplicates dropped",
    "cut_documents": "documents cut at the size limit",
    "control_characters": "control characters removed",
    "byte_order_marks": "byte order marks removed",
    "line_separators": "Unicode line separators made spaces",
    "corpus_tokens": "tokens of the documents, each once",
    "instances": "instances",
    "real_tokens": "real tokens ([CLS] and [SEP] among them)",
    "padding_tokens": "padding positions",
    "masked_tokens": "tokens to predict",
    "mask_replaced": "… replaced by [MASK]",
    "random_replaced": "… replaced by a random token",
    "kept": "… left as they are",
    "unknown_tokens": "[UNK] tokens",
    "random_next": "pairs whose second segment is from elsewhere",
    "actual_next": "pairs that follow each other",
    "random_from_same_document": "… of them from the same document",
    "swapped": "pairs whose segments are swapped",
    "in_order": "pairs in order",
    "balancing_instances": "instances added to balance the labels",
    "single_sentence_documents": "documents of one sentence",
    "empty_documents": "documents without a token, left out",
    "empty_sentences": "sentences without a token, left out",
    "no_pair": "documents left out, for they have no second sentence",
    "unpaired_tails": "last sentences of a document without a next one, left out",
    "overlong_sentences": "sentences longer than an instance",
    "truncated_tokens": "tokens cut to make a pair fit",
    "unmaskable_instances": "instances without a token to mask",
    "vocab_size": "pieces",
    "measured_words": "words measured for [UNK]",
    "unknown_words": "… of them [UNK]",
    "measured_tokens": "pieces that they were cut into",
    "alphabet": "characters with a piece of their own",
    "rare_characters": "characters too rare for one",
    "trained_bytes": "bytes of text it was trained on",
    "missing_entries": "pieces asked for that the text does not give",
}  # fmt: skip


def counter_name(name: str) -> str:
    """A counter in words; one that this page does not know keeps its own name."""
    return COUNTERS.get(name, name.replace("_", " "))


def counter_order(name: str) -> tuple[int, str]:
    """Sorts counters as they are listed above, unknown ones behind them by name."""
    names = list(COUNTERS)
    return (names.index(name) if name in names else len(names), name)


def number(value: float) -> str:
    """Digits in groups of three: 1,234,567, or 12.34 where it is no whole number."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def plural(count: int, one: str, many: str) -> str:
    """A number with the words that agree with it: 1 file, 2 files."""
    return f"{number(count)} {one if count == 1 else many}"


def compact(value: float) -> str:
    """Three digits at most and a unit: 950, 1.2k, 34M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def size(value: float) -> str:
    """Bytes with a unit of powers of ten: 3.4 MB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"


def percent(value: float | None) -> str:
    """A share as 12.3 %, below 1 % as 0.12 %; an en dash where there is none."""
    if value is None:
        return "–"
    if 0 < value < 0.00005:
        return "< 0.01 %"
    digits = 1 if value >= 0.00995 or value == 0 else 2
    return f"{100 * value:.{digits}f} %"


def flatten(facts: JsonValue, prefix: str = "") -> dict[str, str]:
    """Nested facts to one level: {"masking": {"rate": 0.15}} to {"masking.rate": "0.15"}."""
    if not isinstance(facts, dict):
        return {prefix: facts if isinstance(facts, str) else json.dumps(facts)}
    flat: dict[str, str] = {}
    for name, value in sorted(facts.items()):
        flat |= flatten(value, f"{prefix}.{name}" if prefix else name)
    return flat


def moment(seconds: float) -> str:
    """Return a Unix time as UTC: 2026-11-23 03:04:05."""
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return seconds as 4.2 s, 12 min or 3 h 05 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
