"""Refuse words that are not plain English, in code, comments, messages and docs.

    python -m tests.check_english [PATH ...]

Checks every tracked text file under the given paths (default: all). Prints `file:line: word:
advice` and exits with 1 if there is any.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[1]
ENDINGS = {".css", ".html", ".j2", ".js", ".md", ".py", ".tf", ".toml", ".yaml", ".yml", ""}
# Not written by us, or data: test data, locks, the compiled spec.
SKIPPED = ("tests/data/", "tests/fuzz/cases/", "requirements/", "pipeline.yaml", "LICENSE")
WORDS = {
    r"\banew\b": "again, re-…, or nothing",
    r'(?<![a-z"])told\b': "name the value; 'reported', 'given'; not a variable's name",
    r"\btells? of\b": "describes, explains",
    r"\bmend(?:ed|ing)?\b": "fix",
    r"\bdear\b": "expensive, slow",
    r"\b(?:whoever|whosoever|whatsoever|hitherto|wherefore|thereof)\b": "name who or what",
    r"\bwhatever\b": "any, every, or name it",
    r"\bfor ever\b": "forever, without end",
    r"\bnobody\b": "no one, or a passive sentence",
    r"\bas it stands\b": "as is, today's",
    r"\bwhat it was made of\b": "its inputs",
    r"\bin the place of\b": "instead of",
    r"\bto the letter\b": "exactly",
    r"\bat work\b": "running, in use",
    r"\bif need be\b": "if necessary",
    r"\bin silence\b": "silently",
    r"\bto be had\b": "available",
    r"\btid(?:y|ied) up\b": "clean up, remove",
    r"\bone (?:a|each) (?:line|step|node|file|row|run)\b": "one per …",
    r"\bso (?:often|many|long) (?:times|processes|seconds)\b": "name the number",
    r"\bit is (?:told|said)\b": "is reported",
    r"\b(?:it|what|which) (?:lies|lie) (?:at|in|under|there|beside)\b": "is",
    r"\b(?:tokens|steps|instances|bytes|lines) an? (?:second|step|hour|core|line)\b": "per",
    r"^\s*found\s*(?::[^=]+)?=": "not a name: say what was found",
    r"\(, as [a-z]": "for example",
}
PATTERN = re.compile("|".join(f"({word})" for word in WORDS))
ADVICE = list(WORDS.values())


def main(arguments: list[str]) -> int:
    """Print what breaks the rules; return the exit code."""
    findings = [finding for path in tracked(arguments) for finding in check(path)]
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


def tracked(paths: list[str]) -> list[Path]:
    """Return the tracked text files under the paths that are ours to write."""
    command = ["git", "-C", str(TOP), "ls-files", "-z", "--", *paths]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    ours = (n for n in names if n and not n.startswith((*SKIPPED, "tests/check_english.py")))
    return [TOP / name for name in ours if Path(name).suffix in ENDINGS and (TOP / name).is_file()]


def check(path: Path) -> Iterator[str]:
    """Yield `file:line: word: advice` for each word of the list in a file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for match in PATTERN.finditer(line):
            place, advice = f"{path.relative_to(TOP)}:{number}", ADVICE[(match.lastindex or 1) - 1]
            yield f"{place}: {match.group().strip()!r}: {advice}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
