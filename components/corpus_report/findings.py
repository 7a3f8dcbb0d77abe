"""Figures to sentences: what a person who trains on this corpus should look at first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from components.corpus_report.figures import Rates, rates_of, share
from components.corpus_report.read_artifacts import Corpus
from core.wording import counter_name, number, percent, plural

# Where a figure becomes a finding. Ours, from what spoils a run; no standard names them.
HIGH_UNKNOWN = 0.01  # of real tokens
LOW_FILL = 0.7  # of positions
MASK_RATE_OFF = 0.01  # absolute, from the rate that was asked for
SHARE_OFF = 0.01  # absolute, from the shares that were asked for
ENOUGH_MASKED = 10_000  # tokens; below it a share's own noise is as large as SHARE_OFF
LABELS_OFF = 0.02  # absolute, from one half
FEW_HELD_OUT = 100  # instances
UNSEEN_PIECES = 0.2  # of the vocabulary
HIGH_DUPLICATES = 0.01  # of documents
HIGH_TRUNCATED = 0.1  # of the tokens that were put together
# Counters of lines, documents and characters that are not in the records.
SKIPS = (
    "bad_encoding", "long_line", "empty_files", "dropped_duplicates", "cut_documents",
    "control_characters",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One sentence; `look` is worth a change of settings, `note` is worth knowing."""

    level: Literal["look", "note"]
    text: str


def find_all(corpus: Corpus) -> list[Finding]:
    """What stands out, the weightier findings first."""
    found = [*_text_findings(corpus), *_instance_findings(corpus), *_vocabulary_findings(corpus)]
    return sorted(found, key=lambda finding: finding.level)


def _text_findings(corpus: Corpus) -> Iterator[Finding]:
    counts = corpus.documents.counts
    overall = counts.get("all", {})
    documents = sum(c.get("documents", 0) for split, c in counts.items() if split != "all")
    duplicates = overall.get("duplicate_documents", 0)
    if duplicates > HIGH_DUPLICATES * max(1, documents) and not overall.get("dropped_duplicates"):
        yield Finding(
            "look",
            f"{plural(duplicates, 'document repeats', 'documents repeat')} an earlier one. Set "
            f"text.drop_duplicates, or the model learns such text by heart.",
        )
    for name in SKIPS:
        if overall.get(name):
            yield Finding("note", f"Skipped: {number(overall[name])} {counter_name(name)}.")


def _instance_findings(corpus: Corpus) -> Iterator[Finding]:
    counts, facts = corpus.instances.counts, corpus.instances.facts
    length = int(str(facts["seq_length"]))
    train = rates_of(counts.get("train", {}), length)
    if train.unknown is not None and train.unknown > HIGH_UNKNOWN:
        yield Finding(
            "look",
            f"{percent(train.unknown)} of the tokens are [UNK]: the vocabulary does not fit the "
            f"text. Train a larger one, or check lower-casing and accents.",
        )
    if train.fill is not None and train.fill < LOW_FILL:
        yield Finding(
            "look",
            f"{percent(1 - train.fill)} of the positions are padding, and so is that share of the "
            f"computation. Lower instances.seq_length.",
        )
    yield from _truncation_findings(counts.get("train", {}))
    masking = facts.get("masking")
    if isinstance(masking, dict) and train.masked is not None:
        settings = {k: float(v) for k, v in masking.items() if isinstance(v, int | float)}
        yield from _masking_findings(train, counts["train"]["masked_tokens"], settings)
    if train.label_1 is not None and abs(train.label_1 - 0.5) > LABELS_OFF:
        yield Finding(
            "look",
            f"{percent(train.label_1)} of the pairs are labelled 1; half of them should be.",
        )
    held_out = counts.get("eval", {}).get("instances", 0)
    if held_out < FEW_HELD_OUT:
        yield Finding(
            "note",
            f"Only {number(held_out)} instances are held out, so the evaluation is noisy.",
        )


def _truncation_findings(train: Mapping[str, int]) -> Iterator[Finding]:
    cut = train.get("truncated_tokens", 0)
    part = share(cut, cut + train.get("real_tokens", 0))
    if part is not None and part > HIGH_TRUNCATED:
        yield Finding(
            "note",
            f"{percent(part)} of the tokens were cut because two segments were too long for an "
            f"instance. A larger instances.seq_length, or shorter sentences, keeps them.",
        )


def _masking_findings(train: Rates, masked: int, settings: dict[str, float]) -> Iterator[Finding]:
    rate = settings.get("rate", 0)
    if train.masked is not None and abs(train.masked - rate) > MASK_RATE_OFF:
        yield Finding(
            "look",
            f"{percent(train.masked)} of the tokens are to be predicted, where the settings say "
            f"{percent(rate)}. Raise instances.max_predictions, or look for very short instances.",
        )
    wanted = {"mask_share": train.mask_share, "random_share": train.random_share}
    for name, got in wanted.items():
        off = abs((got or 0) - settings.get(name, got or 0))
        if masked >= ENOUGH_MASKED and off > SHARE_OFF:
            yield Finding(
                "look", f"masking.{name} is {percent(settings[name])}; it came out {percent(got)}."
            )


def _vocabulary_findings(corpus: Corpus) -> Iterator[Finding]:
    special = corpus.vocabulary.facts.get("special_ids")
    specials = len(special) if isinstance(special, dict) else 0
    unseen = int(np.count_nonzero(corpus.token_counts == 0)) - specials
    if unseen > UNSEEN_PIECES * len(corpus.tokens):
        yield Finding(
            "note",
            f"{number(unseen)} of {number(len(corpus.tokens))} pieces never stand in the train "
            f"split; their embeddings learn nothing.",
        )
