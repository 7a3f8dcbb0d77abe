"""Find the promises of the documentation, and check that each has a row in docs/promises.yaml.

A promise is a unit of text (a sentence or a row of a table) in README.md, SECURITY.md or docs/ that
contains one of the WORDS, or stands in one of the SECTIONS, where everything is a
promise. A row quotes a part of it, and names the tests that execute it and what they run on.

    python -m docs.tools.promises    # print what is wrong; exit code 1 if anything is
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).parents[2]
ROWS = TOP / "docs/promises.yaml"
# Generated, historical, or about the work on Textmill.
NOT_READ = re.compile(
    r"docs/(reference|assets|tools)/|docs/(proof|performance|contributing|changelog)\.md"
)
WORDS = re.compile(
    r"\b(never|always|exactly|same bytes|byte for byte|bit for bit|guarantee\w*|refuse[sd]|only if"
    r"|no worse|nothing is)\b",
    re.IGNORECASE,
)
TABLE_RULE = re.compile(r"\s*\|[\s|:-]+$")  # below the head of a table
SECTIONS = {
    "README.md": ("Textmill", "Limits"),
    "SECURITY.md": ("What Textmill trusts", "Rules that tests enforce"),
    "docs/guides/downstream.md": ("Ask for it before publishing",),
    "docs/guides/bad-day.md": ("What happens automatically", "What to do"),
}
# What tests can run on, and how a document says so if that is less than the real thing.
GROUNDS = {
    "real": None,
    "sources": None,
    "emulator": re.compile("emulat", re.IGNORECASE),
    "fake": re.compile(
        r"local server|imitation|\bfake\b|(not|nothing was) (tested|run) (on|against) Google Cloud",
        re.IGNORECASE,
    ),
    "logical devices": re.compile("logical|several processes|was not run on|two processes"),
    "nothing": re.compile(r"not (\w+ )?(run|tested|built|looked up)|never against", re.IGNORECASE),
    "no promise": None,
}
# Output of commands that our imitation of Google Cloud answered (docs/tools/vertex_output.py).
INVENTED = re.compile(r"<!-- (?:doctor|submit|schedule|runs|operate)[\w-]*\.txt -->")


@dataclass(frozen=True)
class Row:
    """One promise of a document, with the tests that execute it."""

    document: str
    says: tuple[str, ...]  # parts of sentences
    on: str
    tests: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True)
class Unit:
    """A sentence, a list item or a row of a table, without markup."""

    section: str
    text: str


def main() -> int:
    """Print the problems; return the exit code."""
    rows = read_rows()
    problems = [*check_rows(rows)]
    for path in documents():
        problems += check_document(path.relative_to(TOP).as_posix(), path.read_text("utf-8"), rows)
    for problem in problems:
        print(problem)
    return int(bool(problems))


def documents() -> list[Path]:
    """List the documents that may promise something."""
    pages = [TOP / "README.md", TOP / "SECURITY.md", *sorted((TOP / "docs").rglob("*.md"))]
    return [page for page in pages if not NOT_READ.match(page.relative_to(TOP).as_posix())]


def read_rows() -> list[Row]:
    """Read docs/promises.yaml."""
    content: dict[str, list[dict[str, Any]]] = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
    return [
        Row(
            document,
            says=(row["says"],) if isinstance(row["says"], str) else tuple(row["says"]),
            on=row["ground"],
            tests=tuple(row.get("tests", ())),
            because=row.get("because", ""),
        )
        for document, rows in content.items()
        for row in rows
    ]


def check_rows(rows: list[Row]) -> Iterator[str]:
    """Yield what is wrong with the rows themselves: their tests, their grounds."""
    for row in rows:
        where = f"{ROWS.name}: {row.document}: {row.says[0]!r}"
        if row.on not in GROUNDS:
            yield f"{where}: on {row.on!r} is not one of {', '.join(GROUNDS)}."
        if row.on in ("nothing", "no promise"):
            if row.tests or not row.because:
                yield f"{where}: say `because`, and name no tests."
        elif not row.tests:
            yield f"{where}: name the tests, or say `on: nothing`."
        yield from (f"{where}: there is no test {t}." for t in row.tests if not exists(t))


def exists(test: str) -> bool:
    """Whether pytest collects a test of this id, `file::function`; or a checking program exists."""
    name, _, function = test.partition("::")
    path = TOP / name
    if not path.is_file() or not name.startswith("tests/"):
        return False
    if not function:
        return path.name.startswith("check_")  # run by `make lint`
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return path.name.startswith("test_") and function.startswith("test_") and function in functions


def check_document(name: str, text: str, rows: list[Row]) -> Iterator[str]:
    """Yield each promise without a row, each row without a promise, and each hidden weakness."""
    own = [row for row in rows if row.document == name]
    units = list(units_of(text))
    promised = [unit for unit in units if is_promise(name, unit)]
    for unit in promised:
        if not any(plain(part) in unit.text for row in own for part in row.says):
            yield f"{name}: a promise without a row in docs/promises.yaml: {unit.text}"
    for row in own:
        for part in row.says:
            if not any(plain(part) in unit.text for unit in units):
                yield f"{name}: does not say {part!r}; change its row in docs/promises.yaml."
        said = GROUNDS.get(row.on)
        if said and not said.search(plain(text)):
            where = f"{row.says[0]!r} is tested on: {row.on}"
            yield f"{name}: say in the document that {where} ({said.pattern})."
    fake = GROUNDS["fake"]
    if INVENTED.search(text) and fake and not fake.search(plain(text)):
        yield f"{name}: say that an imitation of Google Cloud answered the commands on this page."


def is_promise(document: str, unit: Unit) -> bool:
    """Whether everything in the section is a promise, or the words are those of one."""
    return unit.section in SECTIONS.get(document, ()) or bool(WORDS.search(unit.text))


def units_of(text: str) -> Iterator[Unit]:
    """Yield the units of a page in order; code and headings are none."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    # A line that goes on with the one before it.
    text = re.sub(r"(?<=\S)[ ]*\n[ ]*(?![-*#|!>\n ]|\d+\. )(?=\S)", " ", text)
    section = ""
    lines = text.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("#"):
            section = plain(line.lstrip("#"))
        elif line.lstrip().startswith("|"):
            if not TABLE_RULE.match(line) and not TABLE_RULE.match(below):
                yield Unit(section, plain(line))
        elif line.strip():
            for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z`*\[])", line.strip()):
                yield Unit(section, plain(sentence))


def plain(text: str) -> str:
    """Return a text without Markdown's signs, on one line."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[*`]|^\s*(?:[-*]|\d+\.)\s", "", text).split())


if __name__ == "__main__":
    sys.exit(main())
