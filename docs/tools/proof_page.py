"""Write docs/proof.md: each promise of the documentation, and the tests that execute it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from docs.tools.promises import TOP, Row, read_rows

MUTANTS = TOP / "tests/mutants"
TEMPLATE = TOP / "docs/tools/proof_template.txt"
GROUNDS = {
    "real": "the program as users run it, on this machine",
    "sources": "the source code, which a program reads",
    "emulator": "an emulator of Google Cloud Storage behind a proxy that makes faults",
    "fake": "our own imitation of Google's services (`tests/vertex_server`), called by "
    "Google's own clients; nothing ran on Google Cloud",
    "logical devices": "a CPU divided into logical devices, or several processes on it; no "
    "GPU or TPU",
    "nothing": "no test",
}


def proof_page() -> str:
    """Return the page."""
    rows = read_rows()
    text = TEMPLATE.read_text(encoding="utf-8")
    parts = {
        "grounds": grounds_table(rows),
        "promises": "\n".join(promise_tables(rows)),
        "mutants": mutants_table(),
    }
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text


def promise_tables(rows: list[Row]) -> Iterator[str]:
    """Yield a table for each document."""
    for document in dict.fromkeys(row.document for row in rows):
        own = [row for row in rows if row.document == document and row.on != "no promise"]
        yield f"## {document}\n\n| promise | on | tests |\n|---|---|---|"
        yield "".join(map(line, own))


def grounds_table(rows: list[Row]) -> str:
    """Return how many promises are executed on what."""
    counts = Counter(row.on for row in rows)
    lines = [f"| {name} | {counts[name]} | {words} |" for name, words in GROUNDS.items()]
    return "\n".join(["| on | promises | that is |", "|---|---|---|", *lines, ""])


def line(row: Row) -> str:
    """Return the row of the table for one promise."""
    tests = "<br>".join(f"`{name.removeprefix('tests/')}`" for name in row.tests) or row.because
    quotes = "<br>".join(f"“… {part} …”".replace("|", "\\|") for part in row.says)
    return f"| {quotes} | {row.on} | {tests} |\n"


def explain(function: str, survivors: int, explained: int = 0, reason: str = "") -> str:
    """Return how many survivors of a function are explained, and how many are not."""
    parts = [f"{min(survivors, explained)}: {reason}"] if explained else []
    if survivors > explained:
        parts.append(f"{survivors - explained}: not explained")
    return f"`{function}` {', '.join(parts)}"


def mutants_table() -> str:
    """Return the scores of the modules, and why some survivors are left."""
    scores: dict[str, Any] = yaml.safe_load((MUTANTS / "scores.yaml").read_text(encoding="utf-8"))
    modules: dict[str, Any] = yaml.safe_load((MUTANTS / "modules.yaml").read_text(encoding="utf-8"))
    lines = [
        "| module | mutants | tried | killed | survived | not reached | score | of | survivors |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    explained = 0
    for module, score in scores.items():
        reasons = modules[module].get("explained", {})
        survivors = score["survivors"]
        explained += sum(min(n, reasons.get(name, (0, ""))[0]) for name, n in survivors.items())
        why = "; ".join(explain(name, n, *reasons.get(name, ())) for name, n in survivors.items())
        counts = " | ".join(
            str(score[key]) for key in ("of", "mutants", "killed", "survived", "untested")
        )
        share = score["killed"] / score["mutants"]
        how = f"{score['date']}, {score['sample']}"
        lines.append(f"| `{module}` | {counts} | {share:.0%} | {how} | {why} |")
    total, killed = (sum(score[key] for score in scores.values()) for key in ("mutants", "killed"))
    lines += [
        "",
        f"In all, {killed:,} of {total:,} mutants that were tried were killed "
        f"({killed / total:.0%}). With the {explained:,} survivors that are explained, that is "
        f"{(killed + explained) / total:.0%}.",
    ]
    if left := sorted(set(modules) - set(scores)):
        lines += ["", "Not mutated yet: " + ", ".join(f"`{name}`" for name in left) + "."]
    return "\n".join([*lines, ""])
