"""Write counts as TFDV's statistics.

Numbers are exact, where TFDV estimates quantiles with a sketch. Features are in the order of their
names, so equal counts give equal bytes.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics as Feature

from components.statistics_gen.count_text import FeatureText, TextCounts, most_frequent
from components.statistics_gen.value_counts import Int64, NumberCounts, SplitCounts

# TFDV's defaults (StatsOptions).
HISTOGRAM_BUCKETS = 10
TOP_VALUES = 20
RANK_BUCKETS = 1000

Float64 = npt.NDArray[np.float64]


def describe_split(
    features: Iterable[Feature], records: int
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Return the statistics of a split."""
    split = statistics_pb2.DatasetFeatureStatistics(num_examples=records)
    for feature in features:
        common = (feature.string_stats if _is_text(feature) else feature.num_stats).common_stats
        common.num_missing = records - common.num_non_missing
        split.features.append(feature)
    return statistics_pb2.DatasetFeatureStatisticsList(datasets=[split])


def describe_numbers(counts: SplitCounts) -> list[Feature]:
    """Return the statistics of numeric features, by name."""
    features = []
    for name, numbers in sorted(counts.items()):
        feature = Feature(type=Feature.FLOAT if numbers.values.dtype.kind == "f" else Feature.INT)
        feature.path.step.append(name)
        feature.num_stats.CopyFrom(_describe_values(numbers))
        feature.num_stats.common_stats.CopyFrom(_describe_lengths(numbers.lengths))
        features.append(feature)
    return features


def describe_text(counts: TextCounts) -> list[Feature]:
    """Return the statistics of text features, by name."""
    features = []
    for name, text in sorted(counts.items()):
        feature = Feature(type=Feature.STRING)
        feature.path.step.append(name)
        lengths = np.zeros(max(text.lengths, default=0) + 1, np.int64)
        lengths[list(text.lengths)] = list(text.lengths.values())
        feature.string_stats.CopyFrom(_describe_strings(text))
        common = _describe_lengths(lengths)
        feature.string_stats.common_stats.CopyFrom(common)
        if common.tot_num_values:
            feature.string_stats.avg_length = text.size_bytes / common.tot_num_values
        features.append(feature)
    return features


def _is_text(feature: Feature) -> bool:
    return bool(feature.type == Feature.STRING)


def _describe_lengths(lengths: Int64) -> statistics_pb2.CommonStatistics:
    """Describe how many values the records have; the split's size is filled in later."""
    numbers = np.flatnonzero(lengths)
    common = statistics_pb2.CommonStatistics(num_non_missing=int(lengths.sum()))
    if common.num_non_missing:
        common.min_num_values, common.max_num_values = int(numbers[0]), int(numbers[-1])
        common.tot_num_values = int(lengths @ np.arange(len(lengths)))
        common.avg_num_values = common.tot_num_values / common.num_non_missing
        histogram = _quantile_histogram(numbers.astype(np.float64), lengths[numbers])
        common.num_values_histogram.CopyFrom(histogram)
    return common


def _describe_values(numbers: NumberCounts) -> statistics_pb2.NumericStatistics:
    values, counts = numbers.values.astype(np.float64), numbers.counts
    is_nan = np.isnan(values)
    num_nan = int(counts[is_nan].sum())
    values, counts = values[~is_nan], counts[~is_nan]
    stats = statistics_pb2.NumericStatistics()
    if total := int(counts.sum()):
        if np.isfinite(values).all():
            stats.mean = float(values @ counts / total)
            stats.std_dev = float(np.sqrt((values - stats.mean) ** 2 @ counts / total))
        else:
            stats.mean = np.nan
        stats.num_zeros = int(counts[values == 0].sum())
        stats.min, stats.max = float(values[0]), float(values[-1])
        stats.median = float(_quantiles(values, counts, np.array([0.5]))[0])
        stats.histograms.append(_equal_width_histogram(values, counts))
        stats.histograms.append(_quantile_histogram(values, counts))
    elif num_nan:
        stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
        stats.histograms.add(type=statistics_pb2.Histogram.QUANTILES)
    for histogram in stats.histograms:
        histogram.num_nan = num_nan
    return stats


def _equal_width_histogram(values: Float64, counts: Int64) -> statistics_pb2.Histogram:
    """Return buckets of equal width over the finite values, and one for each infinity."""
    histogram = statistics_pb2.Histogram(type=statistics_pb2.Histogram.STANDARD)
    finite = np.isfinite(values)
    if count := int(counts[values == -np.inf].sum()):
        histogram.buckets.add(low_value=-np.inf, high_value=-np.inf, sample_count=count)
    if finite.any():
        low, high = values[finite][[0, -1]]
        bounds = np.linspace(low, high, HISTOGRAM_BUCKETS + 1 if low < high else 2)
        samples = np.array([counts[finite].sum()])
        if low < high:
            samples, _ = np.histogram(values[finite], bounds, weights=counts[finite])
        _add_buckets(histogram, bounds, samples)
    if count := int(counts[values == np.inf].sum()):
        histogram.buckets.add(low_value=np.inf, high_value=np.inf, sample_count=count)
    return histogram


def _quantile_histogram(values: Float64, counts: Int64) -> statistics_pb2.Histogram:
    """Return buckets that have the same number of values."""
    histogram = statistics_pb2.Histogram(type=statistics_pb2.Histogram.QUANTILES)
    bounds = _quantiles(values, counts, np.linspace(0, 1, HISTOGRAM_BUCKETS + 1))
    share = counts.sum() / HISTOGRAM_BUCKETS
    _add_buckets(histogram, bounds, np.full(HISTOGRAM_BUCKETS, share))
    return histogram


def _quantiles(values: Float64, counts: Int64, shares: Float64) -> Float64:
    """Return the least value that is not exceeded by each share of all values."""
    place = np.searchsorted(np.cumsum(counts), shares * counts.sum())
    return values[np.minimum(place, len(values) - 1)]


def _add_buckets(
    histogram: statistics_pb2.Histogram, bounds: Float64, samples: npt.NDArray[np.generic]
) -> None:
    for low, high, count in zip(bounds[:-1], bounds[1:], samples, strict=True):
        histogram.buckets.add(
            low_value=float(low), high_value=float(high), sample_count=float(count)
        )


def _describe_strings(text: FeatureText) -> statistics_pb2.StringStatistics:
    stats = statistics_pb2.StringStatistics(
        unique=int(text.distinct.Estimate()), invalid_utf8_count=text.invalid
    )
    for rank, (value, count) in enumerate(most_frequent(text.frequent, RANK_BUCKETS)):
        stats.rank_histogram.buckets.add(
            low_rank=rank, high_rank=rank, label=value, sample_count=count
        )
        if rank < TOP_VALUES:
            stats.top_values.add(value=value, frequency=count)
    return stats
