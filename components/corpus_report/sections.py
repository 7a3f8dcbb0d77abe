"""A corpus to what each section of the page prints and draws."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from markupsafe import Markup

from components.corpus_report import charts, figures
from components.corpus_report.examples import read_example
from components.corpus_report.read_artifacts import Corpus
from core import wording

FIRST_SPLITS = ("train", "eval")
# Name in histograms.json to title, what the values are, what is counted, and whether the last
# count is of all larger values too.
_HISTOGRAMS = {
    "sentence_tokens": ("Tokens per sentence", "tokens per sentence", "sentences", True),
    "length": ("Real tokens per instance", "real tokens per instance", "instances", False),
    "masked_position": ("Where tokens are predicted", "position", "tokens", False),
    "masked_per_instance": ("Predictions per instance", "predictions", "instances", False),
}
Labels = tuple[str, str]  # what label 0 and label 1 say of a pair
_LABELS: dict[str, Labels] = {"sentence_order": ("in order", "swapped")}
_NEXT_LABELS: Labels = ("follow each other", "random")
_Value = TypeVar("_Value")


def document_section(corpus: Corpus) -> dict[str, Any]:
    """What the page says of the documents."""
    counts = corpus.documents.counts
    series = {"documents": corpus.sentences_per_document}
    summary = figures.summarise(corpus.sentences_per_document)
    return {
        "documents": _splits(counts),
        "document_totals": _totals(counts),
        "document_counters": _in_order(counts.get("all", {})),
        "sampled_documents": corpus.sampled_documents,
        "sentences_summary": summary,
        "sentences_chart": charts.histogram(
            figures.bin_series(series, clip=True, first=1),
            title="Sentences per document",
            x_label="sentences per document",
            y_label="documents",
            median=summary.median if summary else None,
        ),
    }


def instance_section(corpus: Corpus) -> dict[str, Any]:
    """What the page says of the instances."""
    counts, facts = _splits(corpus.instances.counts), corpus.instances.facts
    length = int(str(facts["seq_length"]))
    masking = facts.get("masking")
    label_names = _LABELS.get(str(facts.get("objective")), _NEXT_LABELS)
    return {
        "instances": counts,
        "instance_totals": _totals(counts),
        "instance_counters": sorted(
            {name for c in counts.values() for name in c}, key=wording.counter_order
        ),
        "other_instance_counters": _in_order(corpus.instances.counts.get("all", {})),
        "rates": {split: figures.rates_of(c, length) for split, c in counts.items()},
        "form": str(facts.get("form", "")),
        "objective": str(facts.get("objective", "")),
        "seq_length": length,
        "masking": masking if isinstance(masking, dict) else {},
        "charts": _instance_charts(corpus),
        "mask_stack": _mask_stack(counts),
        "label_names": label_names,
        "label_stack": _label_stack(counts, label_names),
        "examples": [read_example(record, corpus.tokens) for record in corpus.examples],
    }


def _instance_charts(corpus: Corpus) -> dict[str, tuple[Markup, figures.Summary]]:
    """Name to chart and summary of the train split; those without a count are left out."""
    drawn = {}
    histograms = _splits(corpus.histograms)
    for name, (title, x_label, y_label, open_end) in _HISTOGRAMS.items():
        series = {split: h[name] for split, h in histograms.items() if sum(h.get(name, []))}
        if not series:
            continue
        summary = figures.summarise(next(iter(series.values())), open_end=open_end)
        assert summary is not None  # noqa: S101 - its sum is not 0
        chart = charts.histogram(
            figures.bin_series(series, open_end=summary.open_end),
            title=title,
            x_label=x_label,
            y_label=y_label,
            median=None if name == "masked_position" else summary.median,
        )
        drawn[name] = (chart, summary)
    return drawn


def _mask_stack(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Markup]:
    parts = {"mask_replaced": "[MASK]", "random_replaced": "random token", "kept": "left"}
    return {
        split: charts.stack(
            [(label, c.get(name, 0)) for name, label in parts.items()],
            title=f"What stands in the place of predicted tokens, {split}",
        )
        for split, c in counts.items()
        if c.get("masked_tokens")
    }


def _label_stack(counts: Mapping[str, Mapping[str, int]], names: Labels) -> dict[str, Markup]:
    stacks = {}
    for split, c in counts.items():
        zeros, ones = (sum(c.get(n, 0) for n in of) for of in (figures.LABELS_0, figures.LABELS_1))
        if zeros + ones:
            parts = list(zip(names, (zeros, ones), strict=True))
            stacks[split] = charts.stack(parts, title=f"Labels, {split}")
    return stacks


def vocabulary_section(corpus: Corpus, pieces: int) -> dict[str, Any]:
    """What the page says of the vocabulary; `pieces` is how many of them it lists."""
    covered = figures.coverage(corpus.token_counts)
    limit = int(corpus.token_counts.sum())
    frequent = figures.most_frequent(corpus.tokens, corpus.token_counts, pieces)
    largest = frequent[0][1] if frequent else 1
    special = corpus.vocabulary.facts.get("special_ids")
    return {
        "vocabulary_counters": _in_order(corpus.vocabulary.counts.get("all", {})),
        "vocabulary_size": len(corpus.tokens),
        "specials": sorted(special.items(), key=lambda item: int(str(item[1])))
        if isinstance(special, dict)
        else [],
        "counted_tokens": limit,
        "seen_pieces": int(np.count_nonzero(corpus.token_counts)),
        "coverage": {
            f"{100 * goal:.0f} %": int(np.searchsorted(covered, goal)) + 1 if limit else 0
            for goal in (0.5, 0.9, 0.99)
        },
        "frequent": [
            (token, count, count / limit, charts.meter(count / largest))
            for token, count in frequent
        ],
        "zipf_chart": charts.zipf(corpus.token_counts, title="Occurrences over rank"),
        "coverage_chart": charts.coverage_curve(covered, title="Coverage by the frequent pieces"),
    }


def _splits(counts: Mapping[str, _Value]) -> dict[str, _Value]:
    """The splits, train first and without "all", which holds what no split has."""
    names = sorted(counts, key=lambda s: (s not in FIRST_SPLITS, s != "train", s))
    return {name: counts[name] for name in names if name != "all"}


def _in_order(counters: Mapping[str, int]) -> dict[str, int]:
    return {name: counters[name] for name in sorted(counters, key=wording.counter_order)}


def _totals(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for of_split in _splits(counts).values():
        for name, count in of_split.items():
            totals[name] = totals.get(name, 0) + count
    return totals
