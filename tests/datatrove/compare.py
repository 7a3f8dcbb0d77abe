"""Judge real documents by Textmill's filters and by datatrove's, and count where they differ.

Usage: python -m tests.datatrove.compare PYTHON      (make datatrove)

PYTHON has datatrove and spaCy. The documents are the descriptions of the installed packages and the
docstrings of their modules: prose, lists, tables, code and badges. Given the same words, the
decisions have to be equal, except that datatrove also counts a phrase that occurs once as a
repetition. Datatrove's own words are spaCy's, which differ most where text is code.
"""

import ast
import contextlib
import importlib.metadata
import json
import subprocess
import sys
import sysconfig
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from components.text_example_gen.quality import gopher

JUDGE = Path(__file__).with_name("judge.py")
MODULES = 1_500  # whose docstrings are read, in the order of their paths
MIN_CHARACTERS = 200
FILTERS = ("quality", "repetition")
# Textmill's counters, and how the names of datatrove's rules begin.
NAMES = {
    "filtered_short": ("gopher_short_doc",),
    "filtered_long": ("gopher_long_doc",),
    "filtered_word_length": ("gopher_below_avg_threshold", "gopher_above_avg_threshold"),
    "filtered_symbols": ("gopher_too_many_hashes", "gopher_too_many_ellipsis"),
    "filtered_bullets": ("gopher_too_many_bullets",),
    "filtered_ellipses": ("gopher_too_many_end_ellipsis",),
    "filtered_not_alphabetic": ("gopher_below_alpha_threshold",),
    "filtered_stop_words": ("gopher_enough_stop_words",),
    "filtered_repeated_lines": ("dup_line_frac", "dup_line_char_frac"),
    "filtered_repeated_phrases": ("top_", "duplicated_"),
}


def main(python: str) -> int:
    """Print both tables; return 1 if a decision differs on the same words."""
    documents = list(read_documents())
    ours = {
        "quality": [gopher.find_quality_fault(lines, "en") for lines in documents],
        "repetition": [gopher.find_repetition(lines) for lines in documents],
    }
    characters = sum(len("\n".join(lines)) for lines in documents)
    print(f"{len(documents):,} documents, {characters / 1e6:.1f} MB")
    print(f"{'words':<14}{'filter':<12}{'kept by both':>13}{'left out':>10}{'differ':>8}")
    failures = 0
    for words in ("ours", "datatrove's"):
        theirs = judge(python, documents, with_our_words=words == "ours")
        for name in FILTERS:
            pairs = list(zip(ours[name], theirs[name], strict=True))
            differ = Counter((a, b) for a, b in pairs if not is_equal(a, b))
            kept = sum(a is None and b is None for a, b in pairs)
            left_out = len(pairs) - kept - differ.total()
            print(f"{words:<14}{name:<12}{kept:>13,}{left_out:>10,}{differ.total():>8,}")
            for (a, b), count in sorted(differ.items(), key=str):
                print(f"    {count:>5}  Textmill: {a or 'kept'}, datatrove: {b or 'kept'}")
            if words == "ours":
                failures += sum(count for pair, count in differ.items() if not is_known(*pair))
    return min(failures, 1)


def read_documents() -> Iterator[list[str]]:
    """Yield the lines of each document, as Textmill has them: none is blank."""
    texts = [
        str(distribution.metadata.get_payload() or distribution.metadata.get("Description") or "")
        for distribution in importlib.metadata.distributions()
    ]
    folder = Path(sysconfig.get_path("purelib"))
    for path in sorted(folder.glob("*/**/*.py"))[:MODULES]:
        with warnings.catch_warnings(), contextlib.suppress(SyntaxError, ValueError):
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
            texts += [ast.get_docstring(node) or "" for node in ast.walk(tree) if has_text(node)]
    for text in sorted({text for text in texts if len(text) >= MIN_CHARACTERS}):
        if lines := [line.strip() for line in text.splitlines() if line.strip()]:
            yield lines


def has_text(node: ast.AST) -> bool:
    """Return whether a node may have a docstring."""
    return isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)


def judge(
    python: str, documents: list[list[str]], *, with_our_words: bool
) -> dict[str, list[str | None]]:
    """Return datatrove's reason, or None, for each document, by filter."""
    texts = ["\n".join(lines) for lines in documents]
    words = [gopher.WORD_OR_SIGN.findall(text) for text in texts] if with_our_words else None
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "documents.json"), Path(folder, "reasons.json")
        asked.write_text(json.dumps({"texts": texts, "words": words}))
        subprocess.run([python, str(JUDGE), str(asked), str(answered)], check=True)
        reasons: dict[str, list[str | None]] = json.loads(answered.read_text())
        return reasons


def is_equal(ours: str | None, theirs: str | None) -> bool:
    """Return whether both keep a document, or leave it out by the same rule."""
    if ours is None or theirs is None:
        return ours is theirs
    return theirs.startswith(NAMES[ours])


def is_known(ours: str | None, theirs: str | None) -> bool:
    """Return whether the only reason is a most frequent phrase, which may occur once."""
    return ours is None and theirs is not None and theirs.startswith("top_")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
