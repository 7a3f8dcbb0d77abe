"""Format numbers, sizes and times for the terminal, the report and the model card."""

from datetime import UTC, datetime


def format_number(value: float) -> str:
    """Return digits in groups of three: 1,234,567 for an integer, 12.34 for a float."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def format_count(count: int, one: str, many: str) -> str:
    """Return a number with its noun: 1 file, 2 files."""
    return f"{format_number(count)} {one if count == 1 else many}"


def format_compact(value: float) -> str:
    """Return at most three digits and a unit: 950, 1.2k, 34M."""
    number, unit = _split_unit(value)
    return f"{number:.3g}{unit}"


def format_flop(value: float) -> str:
    """Return a number of floating-point operations: 1.92 ZFLOP."""
    number, unit = _split_unit(value)
    return f"{number:.3g} {unit}FLOP"


def _split_unit(value: float) -> tuple[float, str]:
    """Return a number below 1,000 and its decimal unit."""
    limits = (1e27, 1e24, 1e21, 1e18, 1e15, 1e12, 1e9, 1e6, 1e3)
    for limit, unit in zip(limits, "RYZEPTGMk", strict=True):
        if value >= 0.9995 * limit:
            return value / limit, unit
    return value, ""


def format_size(value: float) -> str:
    """Return bytes with a decimal unit: 3.4 MB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"


def format_percent(value: float | None) -> str:
    """Return a fraction as 12.3 %, or 0.12 % below 1 %; an en dash for None."""
    if value is None:
        return "–"
    if 0 < value < 0.00005:
        return "< 0.01 %"
    digits = 1 if value >= 0.00995 or value == 0 else 2
    return f"{100 * value:.{digits}f} %"


def format_moment(seconds: float) -> str:
    """Return a Unix time as UTC: 2026-11-23 03:04:05."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def format_duration(seconds: float) -> str:
    """Return seconds as 4.2 s, 12 min or 3 h 05 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
