"""Write the command reference from the command line itself."""

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from pipelines.cli import app

TOP = """# Commands

<!-- Written by `make docs-reference` from the code. Do not edit. -->

Every command of `textmill`, as `textmill COMMAND --help` prints it. In a clone of the repository
the program is `.venv/bin/textmill`; after `source .venv/bin/activate` you can type `textmill`.

Exit codes: 0 success, 1 failure, 2 wrong input (text, recipe, folder, option), 130 after Ctrl-C,
143 after SIGTERM. Commands that wait for a run on Vertex AI return 3 if it was canceled.
"""
# What these two say is on every page and in the top of this one.
HIDDEN = {"--help", "--install-completion", "--show-completion"}


def commands_page() -> str:
    """Return the page: one section per command, in the order of `textmill --help`."""
    root: Any = typer.main.get_command(app)
    with root.make_context("textmill", [], resilient_parsing=True) as context:
        return TOP + "".join(sections(root, "textmill", context))


def sections(command: Any, path: str, context: Any) -> Iterator[str]:
    """Yield the section of a command, then those of its subcommands."""
    yield section(command, path, context)
    for name in getattr(command, "commands", {}):
        yield from sections(command.commands[name], f"{path} {name}", context)


def section(command: Any, path: str, context: Any) -> str:
    """Return the heading, the usage, the help text, and a table of arguments and options."""
    parts = [f"\n{heading(path)}\n"]
    subcommands = getattr(command, "commands", {})
    if not subcommands:
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        parts.append(f"```text\n{re.sub('[{}]', '', usage)}\n```\n")
    parts.append(paragraphs(command.help or ""))
    parts.append(table("command", subcommand_rows(path, subcommands)))
    parts.append(table("argument or option", option_rows(command, context)))
    return "\n".join(part for part in parts if part)


def heading(path: str) -> str:
    """Return the heading of a command; groups and their commands have levels of their own."""
    return f"{'#' * min(3, max(2, len(path.split())))} `{path}`"


def paragraphs(text: str) -> str:
    """Return help text as Markdown; an example becomes a code block."""
    prose, example, command = plain(text).strip().partition("Example: ")
    block = f"\n\n```sh\n{' '.join(command.split())}\n```" if example else ""
    return f"{prose.strip()}{block}\n" if text else ""


def plain(text: str) -> str:
    """Remove rich's markup, for example [bold] or [/]."""
    return re.sub(r"\[/?(?:bold|dim|italic|cyan|green|yellow|i|b)?\]", "", text).replace("\b", "")


def subcommand_rows(path: str, commands: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each subcommand with a link to its section and its first sentence."""
    for name, command in commands.items():
        anchor = f"{path} {name}".replace(" ", "-")
        yield f"[`{name}`](#{anchor})", plain((command.help or "").split("\n\n")[0])


def option_rows(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """Yield each argument and option with its help text."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and not HIDDEN.intersection(parameter.opts):
            yield f"`{record[0].replace(' <str>', '')}`", plain(record[1])


def table(title: str, rows: Iterator[tuple[str, str]]) -> str:
    """Return rows of two cells as a table, or nothing if there are none."""
    lines = [f"| {name} | {cell(text)} |" for name, text in rows]
    return "\n".join([f"| {title} | |", "|---|---|", *lines, ""]) if lines else ""


def cell(text: str) -> str:
    """Return text as it may stand in a table's cell."""
    one_line = " ".join(text.split())
    return re.sub(r"[|<]", lambda match: "\\" + match.group(), one_line)
