"""Explain a comparison in one short sentence: what is the same, what differs, and the effect.

same text and code; `trainer.learning_rate` 1e-4 → 5e-4; loss 3.91 → 3.72
"""

from collections.abc import Iterator
from typing import Any

from core.format_numbers import format_count, format_number
from core.wording import shorten
from pipelines.lineage.compare.differences import Change, Changes, Comparison

MAX_NAMED = 3  # settings; the rest is counted
MAX_CHARACTERS = 32  # of a value


def explain(comparison: Comparison) -> str:
    """Return one sentence with the causes first, then their effects."""
    causes = [*_text(comparison), *_code(comparison), *_settings(comparison.settings)]
    causes += [f"{change.name} {_arrow(change)}" for change in comparison.versions[:MAX_NAMED]]
    same = _same(comparison)
    if comparison.same_model and not causes:
        return f"{same}; both have the same model"
    return "; ".join([*([same] if same else []), *causes, *_effects(comparison)])


def format_value(value: Any) -> str:
    """Format a value as a person writes it: 1e-4 for 0.0001, none for null."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return format_number(value)
    if isinstance(value, float):
        if value and not 1e-3 <= abs(value) < 1e6:
            mantissa, exponent = f"{value:.3e}".split("e")
            return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        return f"{value:.4g}"
    return shorten(str(value), MAX_CHARACTERS)


def _same(comparison: Comparison) -> str:
    parts = {
        "text": comparison.same_text,
        "code": not comparison.code,
        "settings": not comparison.settings,
    }
    names = [name for name, is_same in parts.items() if is_same]
    if not names:
        return ""
    *first, last = names
    return f"same {', '.join(first)} and {last}" if first else f"same {last}"


def _text(comparison: Comparison) -> Iterator[str]:
    corpus = comparison.corpus
    if corpus is not None and (corpus.added or corpus.removed):
        parts = (
            [f"{format_count(corpus.added, 'document', 'documents')} added"] if corpus.added else []
        )
        if corpus.removed:
            noun = "" if parts else " document" if corpus.removed == 1 else " documents"
            parts.append(f"{format_number(corpus.removed)}{noun} removed")
        yield "text: " + ", ".join(parts)
    elif not comparison.same_text:
        yield "different text" if corpus is None else "different files with the same documents"


def _code(comparison: Comparison) -> Iterator[str]:
    nodes = [change.name for change in comparison.code]
    if not nodes:
        return
    of_nodes = ", ".join(nodes) if len(nodes) <= MAX_NAMED else f"{len(nodes)} nodes"
    commits = {(c.before, c.after) for c in comparison.commits if c.name in nodes}
    between = ""
    if len(commits) == 1 and None not in next(iter(commits)):
        before, after = (str(commit) for commit in next(iter(commits)))
        between = f" ({before[:8]}{_edited(before)} → {after[:8]}{_edited(after)})"
    yield f"different code in {of_nodes}{between}"


def _edited(commit: str) -> str:
    return "+" if "uncommitted" in commit else ""


def _settings(settings: Changes) -> Iterator[str]:
    for change in settings[:MAX_NAMED]:
        yield f"`{change.name}` {_arrow(change)}"
    if len(settings) > MAX_NAMED:
        yield format_count(len(settings) - MAX_NAMED, "more setting", "more settings")


def _effects(comparison: Comparison) -> Iterator[str]:
    by_name = {change.name: change for change in comparison.metrics}
    loss = by_name.get("masked_lm_loss")
    if loss and None not in (loss.before, loss.after):
        digits = 2 if abs(loss.after - loss.before) >= 0.01 else 4
        yield f"loss {loss.before:.{digits}f} → {loss.after:.{digits}f}"
    blessed = by_name.get("blessed")
    if blessed and None not in (blessed.before, blessed.after):
        yield "now blessed" if blessed.after else "no longer blessed"
    for run, ending in zip((comparison.before, comparison.after), comparison.endings, strict=True):
        if ending != "succeeded":
            yield f"{run} {ending}"


def _arrow(change: Change) -> str:
    return f"{format_value(change.before)} → {format_value(change.after)}"
