"""Prepare what each section of the page prints and draws."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from markupsafe import Markup

from components.corpus_report import charts, figures
from components.corpus_report.examples import SPACE, read_example
from components.corpus_report.read_artifacts import ReportData
from core.manifest import OF_SOURCE
from core.wording import counter_sort_key

FIRST_SPLITS = ("train", "eval")
# Name in histograms.json: title, label of the values, label of the counts, and whether the last
# count includes all larger values.
_HISTOGRAMS = {
    "sentence_tokens": ("Tokens per sentence", "tokens per sentence", "sentences", True),
    "length": ("Real tokens per instance", "real tokens per instance", "instances", False),
    "masked_position": ("Where tokens are predicted", "position", "tokens", False),
    "masked_per_instance": ("Predictions per instance", "predictions", "instances", False),
}
EXAMPLES = ("boilerplate", "filtered", "near_duplicates")  # of what was left out, as text
LabelNames = tuple[str, str]  # of label 0 and label 1
_LABEL_NAMES: dict[str, LabelNames] = {"sentence_order": ("in order", "swapped")}
_NEXT_SENTENCE_NAMES: LabelNames = ("consecutive", "random")
_Value = TypeVar("_Value")


def document_section(data: ReportData, *, show_text: bool) -> dict[str, Any]:
    """Return the template variables of the documents section."""
    counts, sources = data.documents.counts, data.documents.facts.get("sources")
    sources = sources if isinstance(sources, dict) else {}
    train = data.instances.counts.get("train", {})
    series = {"documents": data.sentences_per_document}
    summary = figures.summarize(data.sentences_per_document)
    return {
        "documents": _splits(counts),
        "sources": sources,
        "left_out": {
            name: data.documents.facts.get(name) if show_text else None for name in EXAMPLES
        },
        "hides_text": not show_text and any(map(data.documents.facts.get, EXAMPLES)),
        "source_tokens": {name: train.get(f"tokens{OF_SOURCE}{name}", 0) for name in sources},
        "source_instances": {n: train.get(f"instances{OF_SOURCE}{n}", 0) for n in sources},
        "document_totals": _totals(counts),
        "document_counters": _in_order(counts.get("all", {})),
        "sampled_documents": data.sampled_documents,
        "sentences_summary": summary,
        "sentences_chart": charts.histogram(
            figures.bin_series(series, clip=True, first=1),
            title="Sentences per document",
            x_label="sentences per document",
            y_label="documents",
            median=summary.median if summary else None,
        ),
    }


def instance_section(data: ReportData) -> dict[str, Any]:
    """Return the template variables of the instances section."""
    counts, facts = _splits(data.instances.counts), data.instances.facts
    length = int(str(facts["seq_length"]))
    masking = facts.get("masking")
    label_names = _LABEL_NAMES.get(str(facts.get("objective")), _NEXT_SENTENCE_NAMES)
    return {
        "instances": counts,
        "instance_totals": _totals(counts),
        "instance_counters": sorted(
            {name for c in counts.values() for name in c}, key=counter_sort_key
        ),
        "other_instance_counters": _in_order(data.instances.counts.get("all", {})),
        "rates": {split: figures.compute_rates(c, length) for split, c in counts.items()},
        "form": str(facts.get("form", "")),
        "objective": str(facts.get("objective", "")),
        "seq_length": length,
        "masking": masking if isinstance(masking, dict) else {},
        "charts": _instance_charts(data),
        "mask_stack": _mask_stack(counts),
        "label_names": label_names,
        "label_stack": _label_stack(counts, label_names),
        "examples": [read_example(record, data.tokens) for record in data.examples],
    }


def _instance_charts(data: ReportData) -> dict[str, tuple[Markup, figures.Summary]]:
    """Return chart and summary by name; histograms without a count are left out."""
    charts_by_name = {}
    histograms = _splits(data.histograms)
    for name, (title, x_label, y_label, open_end) in _HISTOGRAMS.items():
        series = {split: h[name] for split, h in histograms.items() if sum(h.get(name, []))}
        if not series:
            continue
        summary = figures.summarize(next(iter(series.values())), open_end=open_end)
        assert summary is not None  # noqa: S101 - its sum is not 0
        chart = charts.histogram(
            figures.bin_series(series, open_end=summary.open_end),
            title=title,
            x_label=x_label,
            y_label=y_label,
            median=None if name == "masked_position" else summary.median,
        )
        charts_by_name[name] = (chart, summary)
    return charts_by_name


def _mask_stack(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Markup]:
    parts = {"mask_replaced": "[MASK]", "random_replaced": "random token", "kept": "unchanged"}
    return {
        split: charts.stack(
            [(label, c.get(name, 0)) for name, label in parts.items()],
            title=f"What replaces predicted tokens, {split}",
        )
        for split, c in counts.items()
        if c.get("masked_tokens")
    }


def _label_stack(counts: Mapping[str, Mapping[str, int]], names: LabelNames) -> dict[str, Markup]:
    stacks = {}
    for split, c in counts.items():
        zeros = sum(c.get(name, 0) for name in figures.LABELS_0)
        ones = sum(c.get(name, 0) for name in figures.LABELS_1)
        if zeros + ones:
            parts = list(zip(names, (zeros, ones), strict=True))
            stacks[split] = charts.stack(parts, title=f"Labels, {split}")
    return stacks


def vocabulary_section(data: ReportData, pieces: int) -> dict[str, Any]:
    """Return the template variables of the vocabulary section, which lists `pieces` pieces."""
    covered = figures.coverage(data.token_counts)
    total = int(data.token_counts.sum())
    frequent = figures.most_frequent(data.tokens, data.token_counts, pieces)
    largest = frequent[0][1] if frequent else 1
    special = data.vocabulary.facts.get("special_ids")
    return {
        "vocabulary_counters": _in_order(data.vocabulary.counts.get("all", {})),
        "vocabulary_size": len(data.tokens),
        "specials": sorted(special.items(), key=lambda item: int(str(item[1])))
        if isinstance(special, dict)
        else [],
        "counted_tokens": total,
        "marks_continuation": SPACE not in data.tokens,
        "seen_pieces": int(np.count_nonzero(data.token_counts)),
        "coverage": {
            f"{100 * goal:.0f} %": int(np.searchsorted(covered, goal)) + 1 if total else 0
            for goal in (0.5, 0.9, 0.99)
        },
        "frequent": [
            (token, count, count / total, charts.meter(count / largest))
            for token, count in frequent
        ],
        "zipf_chart": charts.zipf(data.token_counts, title="Frequency by rank"),
        "coverage_chart": charts.coverage_curve(covered, title="Coverage by number of pieces"),
    }


def _splits(counts: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return the splits, train first, without "all", which counts what belongs to no split."""
    names = sorted(counts, key=lambda s: (s not in FIRST_SPLITS, s != "train", s))
    return {name: counts[name] for name in names if name != "all"}


def _in_order(counters: Mapping[str, int]) -> dict[str, int]:
    return {name: counters[name] for name in sorted(counters, key=counter_sort_key)}


def _totals(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for of_split in _splits(counts).values():
        for name, count in of_split.items():
            totals[name] = totals.get(name, 0) + count
    return totals
