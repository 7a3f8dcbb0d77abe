"""Draw charts as inline SVG of a few kilobytes, without scripts, fonts or inline styles.

Colors are classes of the page's style sheet, so one drawing works for light mode, dark mode and
print. Each mark has a <title>, which a browser shows on hover and a screen reader reads.
"""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from components.corpus_report.figures import Bins
from core.format_numbers import format_compact, format_number, format_percent

WIDTH, HEIGHT = 480, 230
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 14, 40  # margins around the plot
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MAX_PARTS = 7  # of an axis with labels
MAX_RANKS = 160  # points of a curve


def histogram(
    bins: Bins, *, title: str, x_label: str, y_label: str, median: int | None = None
) -> Markup:
    """Draw bars for the first split and a stepped line for each other, as shares of their totals.

    `title` is for screen readers; `y_label` names what is counted, for example "instances"; a
    dashed line marks the median.
    """
    names = list(bins.shares)
    top = nice_ceiling(max((v for shares in bins.shares.values() for v in shares), default=0))
    step = PLOT_WIDTH / len(bins.shares[names[0]])
    parts = [_horizontal_grid(top)]
    for index, value in enumerate(bins.shares[names[0]]):
        label = _bin_label(bins, index, y_label)
        parts.append(_bar(LEFT + index * step, step, value / top, label))
    parts += [_stepped_line(bins.shares[name], step, top) for name in names[1:]]
    parts.append(_bin_axis(bins, step))
    if median is not None:
        parts.append(_median(LEFT + (median + 0.5 - bins.first) / bins.width * step, median))
    return _frame(parts, title, x_label)


def zipf(counts: NDArray[np.int64], *, title: str) -> Markup:
    """Draw frequency by rank on log axes; natural text is close to a falling straight line."""
    ordered = np.sort(counts[counts > 0])[::-1]
    if not len(ordered):
        return Markup("")
    x_decades = max(1.0, math.log10(len(ordered)))
    y_decades = max(1.0, math.log10(float(ordered[0])))
    ranks = _spread(len(ordered))
    points = [
        (
            LEFT + math.log10(rank) / x_decades * PLOT_WIDTH,
            TOP + (1 - math.log10(float(ordered[rank - 1])) / y_decades) * PLOT_HEIGHT,
        )
        for rank in ranks
    ]
    grid = [
        _level(1 - d / y_decades, format_compact(10**d)) for d in range(math.floor(y_decades) + 1)
    ]
    return _frame([*grid, _log_axis(x_decades), _line(points)], title, "rank of the piece")


def coverage_curve(covered: NDArray[np.float64], *, title: str) -> Markup:
    """Draw the share of all tokens that the most frequent pieces cover, by their number."""
    if not len(covered) or not covered[-1]:
        return Markup("")
    decades = max(1.0, math.log10(len(covered)))

    def at(rank: int) -> tuple[float, float]:
        x = LEFT + math.log10(rank) / decades * PLOT_WIDTH
        return x, TOP + (1 - float(covered[rank - 1])) * PLOT_HEIGHT

    marks = []
    for goal in (0.5, 0.9, 0.99):
        rank = int(np.searchsorted(covered, goal)) + 1
        x, y = at(min(rank, len(covered)))
        label = f"{format_number(rank)} pieces cover {100 * goal:.0f} % of the tokens"
        marks.append(
            Markup(
                '<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>'
            ).format(x, y, label)
        )
    points = [at(rank) for rank in _spread(len(covered))]
    base = TOP + PLOT_HEIGHT
    area = [(LEFT, base), *points, (points[-1][0], base)]
    body = [_horizontal_grid(1.0), _log_axis(decades), _shape("area", area), _line(points), *marks]
    return _frame(body, title, "most frequent pieces")


def stack(parts: Sequence[tuple[str, int]], *, title: str) -> Markup:
    """Draw one bar divided into shares; the parts have the classes part-0, part-1, …."""
    whole = sum(count for _, count in parts)
    rects, x = [], 0.0
    for index, (label, count) in enumerate(parts):
        width = 100 * count / whole if whole else 0
        text = (
            f"{label}: {format_number(count)} ({format_percent(count / whole) if whole else '–'})"
        )
        rects.append(
            Markup(
                '<rect class="part-{}" x="{:.3f}" width="{:.3f}" height="10">'
                "<title>{}</title></rect>"
            ).format(index, x, width, text)
        )
        x += width
    return Markup(
        '<svg class="stack" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}</svg>'
    ).format(title, Markup("").join(rects))


def meter(part: float) -> Markup:
    """Draw a thin bar filled to the share `part`, for rows of a table."""
    return Markup(
        '<svg class="meter" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="4"/><rect class="bar" width="{:.2f}" height="4"/>'
        "</svg>"
    ).format(100 * part)


def nice_ceiling(value: float) -> float:
    """Round up to 1, 2, 2.5, 4, 5 or 8 times a power of ten; return 1 for 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * m for m in (1, 2, 2.5, 4, 5, 8, 10) if power * m >= value * (1 - 1e-9))


def _frame(parts: Sequence[Markup], title: str, x_label: str) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}'
        '<text class="label" x="{}" y="{}" text-anchor="middle">{}</text></svg>'
    ).format(
        WIDTH, HEIGHT, title, Markup("").join(parts), LEFT + PLOT_WIDTH / 2, HEIGHT - 5, x_label
    )  # fmt: skip


def _bar(x: float, step: float, height: float, label: str) -> Markup:
    """Draw a bar, and an invisible area of full height that reacts to the pointer."""
    gap = min(1.5, step * 0.15)
    drawn = max(height * PLOT_HEIGHT, 0.75 if height > 0 else 0)
    return Markup(
        '<g><rect class="bar" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>'
        '<rect class="reach" x="{:.2f}" y="{}" width="{:.2f}" height="{}"/><title>{}</title></g>'
    ).format(
        x + gap / 2, TOP + PLOT_HEIGHT - drawn, step - gap, drawn, x, TOP, step, PLOT_HEIGHT, label
    )  # fmt: skip


def _bin_label(bins: Bins, index: int, y_label: str) -> str:
    low = bins.first + index * bins.width
    last = index == len(next(iter(bins.counts.values()))) - 1
    value = f"{low}" if bins.width == 1 else f"{low}–{low + bins.width - 1}"
    value = f"{low} and more" if last and bins.overflow else value
    splits = [
        f"{name}: {format_number(counts[index])} {y_label} "
        f"({format_percent(bins.shares[name][index])})"
        for name, counts in bins.counts.items()
    ]
    return f"{value} · " + " · ".join(splits)


def _stepped_line(shares: Sequence[float], step: float, top: float) -> Markup:
    points = []
    for index, value in enumerate(shares):
        y = TOP + (1 - value / top) * PLOT_HEIGHT
        points += [(LEFT + index * step, y), (LEFT + (index + 1) * step, y)]
    return _shape("other", points)


def _line(points: Sequence[tuple[float, float]]) -> Markup:
    return _shape("line", points)


def _shape(name: str, points: Sequence[tuple[float, float]]) -> Markup:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup('<polyline class="{}" points="{}"/>').format(name, drawn)


def _horizontal_grid(top: float) -> Markup:
    levels = (0, 0.25, 0.5, 0.75, 1) if top in (1.0, 0.4, 0.8, 0.2, 0.04, 0.08) else (0, 0.5, 1)
    return Markup("").join(_level(1 - v, f"{round(100 * v * top, 6):g} %") for v in levels)


def _level(down: float, label: str) -> Markup:
    y = TOP + down * PLOT_HEIGHT
    return Markup(
        '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
        '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, label)


def _bin_axis(bins: Bins, step: float) -> Markup:
    """Label the bars with round values, and an open last bar with "+"."""
    number_of_bins = len(next(iter(bins.shares.values())))
    every = max(1, math.ceil(nice_ceiling(number_of_bins * bins.width / MAX_PARTS)))
    end = bins.first + number_of_bins * bins.width
    low = end - bins.width
    middle = 0.5 if bins.width == 1 else 0
    marks = [
        _tick(LEFT + ((value - bins.first) / bins.width + middle) * step, format_number(value))
        for value in range(-(-bins.first // every) * every, end, every)
        if not bins.overflow or low - value > every // 2
    ]
    if bins.overflow:
        marks.append(_tick(LEFT + (number_of_bins - 0.5) * step, f"{format_number(low)}+"))
    return Markup("").join(marks)


def _log_axis(decades: float) -> Markup:
    return Markup("").join(
        _tick(LEFT + d / decades * PLOT_WIDTH, format_compact(10**d))
        for d in range(math.floor(decades) + 1)
    )


def _tick(x: float, label: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
        x, TOP + PLOT_HEIGHT + 16, label
    )


def _median(x: float, value: int) -> Markup:
    anchor = "end" if x > LEFT + PLOT_WIDTH * 0.75 else "start"
    return Markup(
        '<line class="median" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>'
        '<text class="note" x="{3:.1f}" y="{4}" text-anchor="{5}">median {6}</text>'
    ).format(
        x, TOP - 4, TOP + PLOT_HEIGHT, x + (-5 if anchor == "end" else 5), TOP + 6, anchor,
        escape(format_number(value)),
    )  # fmt: skip


def _spread(length: int) -> list[int]:
    """Return ranks from 1 to `length`, evenly spaced on a logarithmic axis."""
    spaced = np.geomspace(1, length, MAX_RANKS) if length > MAX_RANKS else np.arange(1, length + 1)
    return [int(rank) for rank in np.unique(np.rint(spaced).astype(np.int64))]
