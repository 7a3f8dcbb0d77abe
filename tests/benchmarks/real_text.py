"""Real text for measurements, one sentence a line and a blank line between documents."""

import ast
import hashlib
import html.parser
import re
from collections.abc import Iterable
from pathlib import Path

SENTENCE_END = re.compile(r"(?<=[.!?:]) +(?=[A-Z가-힣])")
LEAST_CHARS = 40  # of a paragraph; shorter ones are headings and signatures
SKIPPED_TAGS = ("script", "style", "head", "pre", "nav")


def write_docstrings(folder: Path, target: Path, size_bytes: int) -> int:
    """English: the docstrings of the Python packages under a folder, a document a module.

    Every sentence is taken once, because packages repeat themselves more than text does.

    Returns:
        The number of bytes written.
    """
    modules = sorted(
        folder.rglob("*.py"), key=lambda path: hashlib.sha256(str(path).encode()).digest()
    )
    return write_paragraphs(target, (_docstrings(path) for path in modules), size_bytes)


def write_html(folder: Path, target: Path, size_bytes: int, pattern: str = "*.html") -> int:
    """Any language: the text of the HTML pages under a folder, a document a page.

    Returns:
        The number of bytes written.
    """
    pages = sorted(folder.rglob(pattern))
    return write_paragraphs(target, (_page(path) for path in pages), size_bytes)


def write_paragraphs(target: Path, documents: Iterable[list[str]], size_bytes: int) -> int:
    """Write documents that are given as paragraphs, every sentence once.

    Returns:
        The number of bytes written.
    """
    seen: set[str] = set()
    written = 0
    with target.open("w", encoding="utf-8") as stream:
        for paragraphs in documents:
            sentences = [s for p in paragraphs for s in SENTENCE_END.split(p)]
            fresh = [s for s in dict.fromkeys(sentences) if s not in seen]
            if len(fresh) < 4:
                continue
            seen.update(fresh)
            text = "\n".join(fresh) + "\n\n"
            stream.write(text)
            written += len(text.encode())
            if written >= size_bytes:
                break
    return written


def _docstrings(path: Path) -> list[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    try:
        nodes = [n for n in ast.walk(ast.parse(path.read_bytes())) if isinstance(n, documented)]
        texts = [ast.get_docstring(node) or "" for node in nodes]
    except (SyntaxError, ValueError):
        return []
    flat = [" ".join(p.split()) for text in texts for p in re.split(r"\n\s*\n", text)]
    return [paragraph for paragraph in flat if len(paragraph) >= LEAST_CHARS]


def _page(path: Path) -> list[str]:
    reader = _Paragraphs()
    reader.feed(path.read_text(encoding="utf-8", errors="replace"))
    return [p for p in (" ".join(p.split()) for p in reader.paragraphs) if len(p) > 1]


class _Paragraphs(html.parser.HTMLParser):
    """Collects the text of paragraphs."""

    def __init__(self) -> None:
        super().__init__()
        self.paragraphs: list[str] = [""]
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._skipped += tag in SKIPPED_TAGS
        if tag in ("p", "h1", "h2", "h3", "li", "td"):
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in SKIPPED_TAGS

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.paragraphs[-1] += data
