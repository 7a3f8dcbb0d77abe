"""Write what the documentation takes from the code: settings, commands, rooms and drawings.

python -m docs.tools.reference           # write the files
python -m docs.tools.reference --check   # fail if a file is out of date
"""

import sys

from docs.tools import drawings
from docs.tools.commands_reference import commands_page
from docs.tools.proof_page import proof_page
from docs.tools.settings_reference import settings_page

DOCS = drawings.TOP / "docs"


def main(*, check: bool) -> int:
    """Write or compare the files; return the exit code."""
    pages = {
        "reference/settings.md": settings_page(),
        "reference/commands.md": commands_page(),
        "proof.md": proof_page(),
        "assets/rooms.md": drawings.rooms_page(),
        "assets/floors.svg": drawings.floors_svg(),
        "assets/flow.svg": drawings.flow_svg(),
    }
    stale = [name for name, text in pages.items() if not holds(name, text)]
    if check and stale:
        names = ", ".join(f"docs/{name}" for name in stale)
        print(f"{names}: out of date with the code. Run `make docs-reference`.")
        return 1
    for name in stale:
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(pages[name], encoding="utf-8")
    return 0


def holds(name: str, text: str) -> bool:
    """Return whether a file exists with this text."""
    path = DOCS / name
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
