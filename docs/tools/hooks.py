"""mkdocs hooks: show the pages at the root of the repository in the site, too."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

TOP = Path(__file__).parents[2]
ROOT_PAGES = ("CONTRIBUTING", "SECURITY", "CHANGELOG")


def on_files(files: Files, config: Any) -> Files:
    """Add CONTRIBUTING.md and its like as pages; their links lead from the root of the site."""
    for name in ROOT_PAGES:
        text = (TOP / f"{name}.md").read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, f"{name.lower()}.md", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links to those pages, which lead out of docs/, into links within the site."""
    pattern = r"\]\((?:\.\./)((?:\.\./)*)(" + "|".join(ROOT_PAGES) + r")\.md"
    within = re.sub(pattern, lambda link: f"]({link[1]}{link[2].lower()}.md", markdown)
    pattern = r"\]\((" + "|".join(ROOT_PAGES) + r")\.md"
    return re.sub(pattern, lambda link: f"]({link[1].lower()}.md", within)
