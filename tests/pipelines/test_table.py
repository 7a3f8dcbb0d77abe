"""Tables show every cell whole at any width, without spaces at the ends of lines."""

import io
import textwrap

import pytest
from rich.console import Console

from pipelines.table import Table, print_table

RUN = "20261130T090505Z"
WIDTHS = (24, 60, 80, 120)


def printed(table: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_table(table, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def make_table() -> Table:
    table = Table("run", "state", "time", "why", right=["time"], wraps=True, title=f"Run {RUN}")
    table.add_row(RUN, "[red]failed[/]", "12 min", f"{'word ' * 30}since run {RUN}\nsecond line")
    table.add_row(RUN, "ran", "0.1 s", "short")
    return table


@pytest.mark.parametrize("width", WIDTHS)
def test_no_cell_is_cut_and_no_line_ends_with_spaces(width: int) -> None:
    text = printed(make_table(), width)
    lines = text.splitlines()
    assert lines[0] == f"Run {RUN}"
    assert [line for line in lines if line != line.rstrip()] == []
    assert text.count(RUN) == 4, "a run id is never cut"
    assert " ".join(lines[2:4]).split()[:4] == ["run", "state", "time", "why"]
    assert " ".join(text.split()).count("word") == 30
    assert "…" not in text
    if width >= 60:
        assert max(map(len, lines)) <= width


def test_the_last_column_moves_below_its_row_where_it_has_no_room() -> None:
    assert printed(make_table(), 40) == textwrap.dedent(f"""\
        Run {RUN}

          run               state     time  why
         ───────────────────────────────────────
          {RUN}  failed  12 min
              word word word word word word word
              word word word word word word word
              word word word word word word word
              word word word word word word word
              word word since run
              {RUN}
              second line
          {RUN}  ran      0.1 s
              short

    """)


def test_a_table_without_headings_has_only_rows() -> None:
    table = Table("", "", wraps=True)
    table.add_row("trainer.steps", "60 → 2400")
    table.add_row("seed", "1 → 2")
    assert printed(table, 80) == "  trainer.steps   60 → 2400\n  seed            1 → 2\n"
