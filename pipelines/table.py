"""Lay out tables for terminals of any width, and for files.

Rich squeezes and cuts columns that do not fit. Here, only the last column may wrap, and it moves
below its row where too little room is left for it. All other cells are shown whole.
"""

from collections.abc import Collection, Iterator

from rich.console import Console, ConsoleOptions
from rich.text import Text

INDENT = 2
GAPS = (3, 2, 1)  # between columns; a smaller one where the table is too wide
MIN_WRAPPED_WIDTH = 24
LOWER_INDENT = 6  # of a last column below its row


class Table:
    """A table whose cells are Rich markup; print it with `print_table`.

    Args:
        names: headings of the columns; all empty for a table without headings.
        right: names of the columns that are aligned to the right.
        wraps: whether the last column may wrap, or move below its row.
        title: a line above the table.
    """

    def __init__(
        self, *names: str, right: Collection[str] = (), wraps: bool = False, title: str = ""
    ) -> None:
        self._right = [name in right for name in names]
        self._wraps = wraps
        self._title = title
        self._head = [Text(name, style="bold") for name in names]
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str) -> None:
        """Add a row with one cell per column; only the last one may hold several lines."""
        self._rows.append([Text.from_markup(cell) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield the lines, without spaces at their ends."""
        for line in self._lines(console, options.max_width):
            line.rstrip()
            line.no_wrap, line.overflow = True, "ignore"
            yield line

    def _lines(self, console: Console, width: int) -> Iterator[Text]:
        has_head = any(name.plain for name in self._head)
        rows = [self._head, *self._rows] if has_head else self._rows
        *fixed, last = (max(map(_width, cells)) for cells in zip(*rows, strict=True))
        gap, left = _choose_gap(fixed, last, width)
        is_below = self._wraps and left < min(last, MIN_WRAPPED_WIDTH)
        if self._wraps:
            last = min(last, max(left, MIN_WRAPPED_WIDTH))
        if self._title:
            yield Text.from_markup(self._title)
        if has_head:
            yield Text()
            *names, name = self._head
            is_name_below = is_below and _width(name) > max(0, left)
            yield self._join([*names, Text() if is_name_below else name], fixed, last, gap)
            if is_name_below:
                yield Text(" " * LOWER_INDENT) + name
            total = sum(fixed) + gap * len(fixed) + last + INDENT
            yield Text(" " + "─" * max(1, min(total, width - 1)))
        indent = LOWER_INDENT if is_below else INDENT + sum(fixed) + gap * len(fixed)
        for *cells, text in self._rows:
            wrapped = self._wraps and (is_below or _width(text) > last or "\n" in text.plain)
            if not wrapped:
                yield self._join([*cells, text], fixed, last, gap)
                continue
            lines = list(text.wrap(console, max(1, width - indent if is_below else last)))
            first = Text() if is_below else lines.pop(0)
            yield self._join([*cells, first], fixed, last, gap)
            yield from (Text(" " * indent) + line for line in lines if line.plain.strip())
        if has_head:
            yield Text()

    def _join(self, cells: list[Text], fixed: list[int], last: int, gap: int) -> Text:
        line = Text(" " * INDENT)
        for cell, width, is_right in zip(cells, [*fixed, last], self._right, strict=True):
            space = Text(" " * (width - _width(cell)))
            line += space + cell if is_right else cell + space
            line += Text(" " * gap)
        return line


def print_table(table: Table, console: Console) -> None:
    """Print a table without cutting lines that are longer than the terminal is wide."""
    console.print(table, soft_wrap=True)


def _choose_gap(fixed: list[int], last: int, width: int) -> tuple[int, int]:
    """Return the space between columns, and what is left for the last column."""
    choices = [(gap, width - INDENT - sum(fixed) - gap * len(fixed)) for gap in GAPS]
    whole = (choice for choice in choices if choice[1] >= last)
    wrapped = (choice for choice in choices[1:] if choice[1] >= 0)  # the last column wraps
    return next(whole, next(wrapped, choices[-1]))


def _width(text: Text) -> int:
    return max((line.cell_len for line in text.split("\n", allow_blank=True)), default=0)
