"""Figures agree with the same arithmetic done another way."""

import numpy as np
import pytest

from components.corpus_report.figures import (
    MAX_BARS,
    bin_series,
    compute_rates,
    coverage,
    most_frequent,
    quantile,
    summarize,
)


def test_a_summary_equals_that_of_the_original_values() -> None:
    values = np.random.default_rng(0).poisson(30, size=999)
    summary = summarize(np.bincount(values).tolist())
    assert summary
    assert summary.total == 999
    assert summary.mean == pytest.approx(values.mean())
    assert summary.median == np.quantile(values, 0.5, method="inverted_cdf")
    assert summary.p95 == np.quantile(values, 0.95, method="inverted_cdf")
    assert summary.largest == values.max()


def test_a_summary_is_open_ended_only_if_the_last_value_occurs() -> None:
    cut = summarize([1, 2, 3], open_end=True)
    assert cut
    assert cut.open_end
    whole = summarize([1, 2, 0], open_end=True)
    assert whole
    assert not whole.open_end


def test_an_empty_histogram_has_no_summary() -> None:
    assert summarize([]) is None
    assert summarize([0, 0]) is None


def test_bins_lose_no_count() -> None:
    counts = np.random.default_rng(1).integers(0, 9, size=513).tolist()
    bins = bin_series({"train": counts, "eval": counts[:100]})
    assert len(bins.counts["train"]) == len(bins.counts["eval"]) <= MAX_BARS
    assert sum(bins.counts["train"]) == sum(counts)
    assert bins.counts["train"][0] == sum(counts[: bins.width])
    assert sum(bins.shares["eval"]) == pytest.approx(1)


def test_a_long_tail_is_merged_into_the_last_bin() -> None:
    counts = [0, *[100] * 40, *[0] * 5000, 1]
    bins = bin_series({"train": counts}, clip=True, first=1)
    assert bins.overflow
    assert bins.width == 1
    assert bins.counts["train"][-1] == 201  # values 39, 40 and 5041
    assert sum(bins.counts["train"]) == sum(counts)


def test_a_short_tail_is_left_alone() -> None:
    assert not bin_series({"train": [0, 5, 5, 5, 1]}, clip=True, first=1).overflow


def test_a_quantile_is_the_smallest_value_that_reaches_the_share() -> None:
    assert quantile(np.array([0, 5, 5]), 0.5) == 1
    assert quantile(np.array([0, 5, 6]), 0.5) == 2


def test_coverage_rises_to_one() -> None:
    covered = coverage(np.array([1, 7, 0, 2]))
    assert covered.tolist() == pytest.approx([0.7, 0.9, 1.0, 1.0])


def test_coverage_without_tokens_is_zero() -> None:
    assert coverage(np.zeros(3, dtype=np.int64)).tolist() == [0, 0, 0]


def test_equal_pieces_keep_the_order_of_their_ids() -> None:
    counts = np.array([0, 3, 9, 3])
    assert most_frequent("abcd", counts, 10) == [("c", 9), ("b", 3), ("d", 3)]


def test_rates_of_a_form_without_masks_are_none() -> None:
    rates = compute_rates({"instances": 2, "real_tokens": 8}, 8)
    assert rates.fill == 0.5
    assert rates.unknown == 0
    assert rates.masked is rates.mask_share is rates.label_1 is None
