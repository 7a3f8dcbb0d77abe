"""Fail if a page names a setting, a command, an option or a file that does not exist."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from docs.tools.settings_reference import models
from pipelines.cli import app
from pipelines.recipe.settings import Recipe

TOP = Path(__file__).parents[2]
SETTING = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)(?:[:=][^`]*)?`|--set '?([a-z_]+(?:\.[a-z_]+)+)=")
COMMAND = re.compile(r"(?:^|`)(?:\.venv/bin/)?textmill ([^`#\n]*)", re.MULTILINE)
FILE = re.compile(
    r"`((?:core|trainer|components|pipelines|tests|docker|docs|requirements)/[\w./*-]+)`"
)
NOT_WORDS = re.compile(r"[A-Z…]|\$\(")  # placeholders, for example RECIPE


def main() -> int:
    """Print each unknown name; return the exit code."""
    pages = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])
    problems = [
        f"{page.relative_to(TOP)}: {problem}"
        for page in pages
        if page.parent.name not in {"reference", "assets"} and page.name != "CHANGELOG.md"
        for problem in check(page.read_text(encoding="utf-8").replace("\\\n", " "))
    ]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


def check(text: str) -> Iterator[str]:
    """Yield a sentence for each unknown setting, command, option or file in a page."""
    settings = setting_names()
    sections = {name.split(".")[0] for name in settings}
    for match in SETTING.finditer(text):
        name = match[1] or match[2]
        if name.split(".")[0] in sections and name not in settings:
            yield f"there is no setting {name}."
    for match in COMMAND.finditer(text):
        yield from check_command(match[1])
    for match in FILE.finditer(text):
        if not any(TOP.glob(match[1].rstrip("/"))):
            yield f"there is no file {match[1]}."


def setting_names() -> set[str]:
    """Return the full names of all settings."""
    return {
        f"{re.sub(r'[^a-z_.]', '', path)}.{name}".strip(".").replace("..", ".")
        for path, model in models(Recipe, "")
        for name in model.model_fields
    }


def check_command(line: str) -> Iterator[str]:
    """Yield a sentence if a command line has an unknown command or option."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line) if line.count("'") % 2 == 0 else line.split()
    while words and (commands := getattr(command, "commands", None)):
        name = words.pop(0)
        if name.startswith("-") or NOT_WORDS.match(name):
            return
        if name.strip(",.") not in commands:
            yield f"there is no command `textmill {line.strip()}`."
            return
        command = commands[name.strip(",.")]
    options = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
    for word in words:
        option = word.split("=")[0]
        if re.fullmatch(r"--?[a-z][a-z-]*", option) and option not in {*options, "--help"}:
            yield f"`textmill {line.strip()}` has no option {option}."


if __name__ == "__main__":
    sys.exit(main())
