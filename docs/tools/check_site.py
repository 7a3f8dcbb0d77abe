"""Fail if a page of the built site would load anything from the network.

python -m docs.tools.check_site site
"""

import re
import sys
from pathlib import Path

# What makes a browser fetch something as it opens a page; links that a reader clicks are allowed.
LOADS = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data)="?(?://|https?:)"""
    r"""|<link\b(?![^>]*rel="?canonical)[^>]*?\bhref="?(?://|https?:)"""
    r"""|@import\s+["']?(?:url\()?["']?(?://|https?:)|url\(["']?(?://|https?:)"""
)


def main(site: Path) -> int:
    """Print each load from the network; return the exit code."""
    problems = [
        f"{path}: loads from the network: {match.group()[:80]}"
        for path in sorted(site.rglob("*"))
        if path.suffix in {".html", ".css"}
        for match in LOADS.finditer(path.read_text(encoding="utf-8"))
    ]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
