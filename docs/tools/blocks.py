"""Keep the output shown in README and docs equal to the files in docs/assets.

    python -m docs.tools.blocks           # copy the assets into the pages
    python -m docs.tools.blocks --check   # fail if a page differs, or links to a missing file

A page marks a block, or a figure within a sentence, by two comments:

    <!-- demo-run.txt --> … <!-- / -->        the file docs/assets/demo-run.txt, as a code block
    <!-- rooms.md --> … <!-- / -->            the file docs/assets/rooms.md, as Markdown
    <!-- demo.loss --> … <!-- / -->           the figure "demo.loss" of docs/assets/figures.json
"""

import json
import re
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]
ASSETS = TOP / "docs" / "assets"
MARK = re.compile(r"<!-- ([a-z0-9_.-]+) -->(.*?)<!-- / -->", re.DOTALL)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def main(*, check: bool) -> int:
    """Write or compare the pages; return the exit code."""
    problems = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        wanted = fill(text)
        if check:
            name = page.relative_to(TOP)
            problems += [f"{name}: a block differs from docs/assets. Run `make docs-assets`."] * (
                text != wanted
            )
            problems += [f"{name}: there is no file {link}." for link in broken_links(page, text)]
        elif text != wanted:
            page.write_text(wanted, encoding="utf-8")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


def pages() -> list[Path]:
    """Return every page written by hand."""
    return sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])


def fill(text: str) -> str:
    """Return a page with its blocks and figures replaced by the assets."""
    return MARK.sub(lambda mark: f"<!-- {mark[1]} -->{content(mark[1])}<!-- / -->", text)


def content(name: str) -> str:
    """Return what stands between the comments of a name.

    Raises:
        SystemExit: If there is no such asset.
    """
    try:
        return read_asset(name)
    except (FileNotFoundError, KeyError):
        raise SystemExit(f"docs/assets has no {name}. Run `make docs-assets`.") from None


def read_asset(name: str) -> str:
    """Return a file as a block, or a figure."""
    if name.endswith(".txt"):
        return f"\n\n```text\n{(ASSETS / name).read_text(encoding='utf-8').rstrip()}\n```\n\n"
    if name.endswith(".md"):
        return f"\n\n{(ASSETS / name).read_text(encoding='utf-8').rstrip()}\n\n"
    figures: dict[str, str] = json.loads((ASSETS / "figures.json").read_text(encoding="utf-8"))
    return figures[name]


def broken_links(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead to no file."""
    return [link for link in LINK.findall(text) if not (page.parent / link).exists()]


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
