"""Takes the README's picture: `python -m tests.pipelines.lineage.picture WORKDIR docs/lineage.png`.

It shows the newest run of the workdir; Chromium has to be there.
"""

import argparse
import tempfile
from pathlib import Path

from pipelines.lineage.page.render import render_page
from pipelines.metadata.archive import Archive
from tests.pipelines.lineage.browser import Browser


def main() -> None:
    """Renders the page, opens it and writes the picture."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workdir", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--width", type=int, default=1200)
    asked = parser.parse_args()
    archive = Archive(asked.workdir)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "lineage.html")
        page.write_text(render_page(archive, page.parent, 200), encoding="utf-8")
        browser = Browser(Path(folder, "profile"))
        browser.look(width=asked.width, dark=asked.dark)
        browser.open(page, f"/run/{list(archive.graph.runs)[-1]}")
        browser.picture(asked.picture)
        browser.close()


if __name__ == "__main__":
    main()
