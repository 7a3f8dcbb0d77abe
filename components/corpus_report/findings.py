"""Find what a person who trains on this corpus should check first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from components.corpus_report.figures import Rates, compute_rates, ratio
from components.corpus_report.read_artifacts import ReportData
from core.format_numbers import format_count, format_number, format_percent
from core.wording import name_counter

# Thresholds for findings. They are our own, from experience with failed runs.
HIGH_UNKNOWN = 0.01  # of real tokens
LOW_FILL = 0.7  # of positions
MASK_RATE_ERROR = 0.01  # absolute difference from the settings
MASK_SHARE_ERROR = 0.01  # absolute difference from the settings
ENOUGH_MASKED = 10_000  # tokens; with fewer, a share's noise is as large as MASK_SHARE_ERROR
LABEL_ERROR = 0.02  # absolute difference from one half
FEW_HELD_OUT = 100  # instances
UNSEEN_PIECES = 0.2  # of the vocabulary
HIGH_DUPLICATES = 0.01  # of documents
HIGH_TRUNCATED = 0.1  # of tokens
# Counters of lines, documents and characters that were dropped or changed.
CLEANING_COUNTERS = (
    "bad_encoding", "long_line", "empty_files", "dropped_duplicates", "cut_documents",
    "control_characters",
)  # fmt: skip


@dataclass(frozen=True)
class CorpusFinding:
    """A sentence for the report; a `warning` suggests a change of settings, a `note` does not."""

    level: Literal["warning", "note"]
    text: str


def find_all(data: ReportData) -> list[CorpusFinding]:
    """Return all findings, warnings first."""
    findings = [*_text_findings(data), *_instance_findings(data), *_vocabulary_findings(data)]
    return sorted(findings, key=lambda finding: finding.level, reverse=True)


def _text_findings(data: ReportData) -> Iterator[CorpusFinding]:
    counts = data.documents.counts
    overall = counts.get("all", {})
    documents = sum(c.get("documents", 0) for split, c in counts.items() if split != "all")
    duplicates = overall.get("duplicate_documents", 0)
    if duplicates > HIGH_DUPLICATES * max(1, documents) and not overall.get("dropped_duplicates"):
        yield CorpusFinding(
            "warning",
            f"{format_count(duplicates, 'document repeats', 'documents repeat')} an earlier one. "
            f"Set text.drop_duplicates, or the model memorizes such text.",
        )
    for name in CLEANING_COUNTERS:
        if overall.get(name):
            yield CorpusFinding("note", f"{format_number(overall[name])} {name_counter(name)}.")


def _instance_findings(data: ReportData) -> Iterator[CorpusFinding]:
    counts, facts = data.instances.counts, data.instances.facts
    length = int(str(facts["seq_length"]))
    train = compute_rates(counts.get("train", {}), length)
    if train.unknown is not None and train.unknown > HIGH_UNKNOWN:
        yield CorpusFinding(
            "warning",
            f"{format_percent(train.unknown)} of the tokens are [UNK]: the vocabulary does not fit "
            f"the text. Train a larger one, or check vocabulary.lowercase and strip_accents.",
        )
    if train.fill is not None and train.fill < LOW_FILL:
        yield CorpusFinding(
            "warning",
            f"{format_percent(1 - train.fill)} of the positions are padding, and that share of the "
            f"computation is wasted. Lower instances.seq_length.",
        )
    yield from _truncation_findings(counts.get("train", {}))
    masking = facts.get("masking")
    if isinstance(masking, dict) and train.masked is not None:
        settings = {k: float(v) for k, v in masking.items() if isinstance(v, int | float)}
        yield from _masking_findings(train, counts["train"]["masked_tokens"], settings)
    if train.label_1 is not None and abs(train.label_1 - 0.5) > LABEL_ERROR:
        yield CorpusFinding(
            "warning",
            f"{format_percent(train.label_1)} of the pairs have label 1; half of them should.",
        )
    held_out = counts.get("eval", {}).get("instances", 0)
    if held_out < FEW_HELD_OUT:
        yield CorpusFinding(
            "note",
            f"Only {format_number(held_out)} instances are held out, so the evaluation is noisy.",
        )


def _truncation_findings(train: Mapping[str, int]) -> Iterator[CorpusFinding]:
    cut = train.get("truncated_tokens", 0)
    part = ratio(cut, cut + train.get("real_tokens", 0))
    if part is not None and part > HIGH_TRUNCATED:
        yield CorpusFinding(
            "note",
            f"{format_percent(part)} of the tokens were cut because two segments were too long for "
            f"an instance. Raise instances.seq_length, or use shorter sentences.",
        )


def _masking_findings(
    train: Rates, masked: int, settings: dict[str, float]
) -> Iterator[CorpusFinding]:
    rate = settings.get("rate", 0)
    if train.masked is not None and abs(train.masked - rate) > MASK_RATE_ERROR:
        yield CorpusFinding(
            "warning",
            f"{format_percent(train.masked)} of the tokens are predicted, but masking.rate is "
            f"{format_percent(rate)}. Raise instances.max_predictions, or check for very short "
            f"instances.",
        )
    shares = {"mask_share": train.mask_share, "random_share": train.random_share}
    for name, share in shares.items():
        error = abs((share or 0) - settings.get(name, share or 0))
        if masked >= ENOUGH_MASKED and error > MASK_SHARE_ERROR:
            yield CorpusFinding(
                "warning",
                f"masking.{name} is {format_percent(settings[name])}, but the actual share is "
                f"{format_percent(share)}.",
            )


def _vocabulary_findings(data: ReportData) -> Iterator[CorpusFinding]:
    special = data.vocabulary.facts.get("special_ids")
    specials = len(special) if isinstance(special, dict) else 0
    unseen = int(np.count_nonzero(data.token_counts == 0)) - specials
    if unseen > UNSEEN_PIECES * len(data.tokens):
        yield CorpusFinding(
            "note",
            f"{format_number(unseen)} of {format_number(len(data.tokens))} pieces never occur in "
            f"the train split, so their embeddings are not trained.",
        )
