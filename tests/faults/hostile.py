"""Provide text and names that attack a page, a terminal or a shell."""

from pathlib import Path

CANARY = "canary-7f3a-do-not-record"
# Variables that hold credentials in real runs.
SECRET_VARIABLES = ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "TEXTMILL_TEST_SECRET", "GITHUB_TOKEN")

ESCAPE, BIDI = "\x1b", "\u202e"
SCRIPT = "<script>alert('textmill')</script>"
SENTENCES = (
    f"A page that runs {SCRIPT} is not ours.",
    f"Colours {ESCAPE}[31mred{ESCAPE}[0m and a title {ESCAPE}]0;owned\x07 of a terminal.",
    f"Reversed {BIDI}txt.exe text and {{{{ 7 * 7 }}}} and {{% raw %}} and [bold red]markup[/].",
    '"><img src=x onerror=alert(1)> and a <a href="javascript:alert(2)">link</a>.',
    "$(touch owned) `touch owned` ; touch owned | touch owned && touch owned",
    "[MASK] [CLS] [SEP] [PAD] [UNK] are words here, and so are ##ing and ▁the.",
)
FILE_NAME = f"c {ESCAPE}[31m{BIDI}[red]{{x}}<b>.txt"


def write_hostile_text(folder: Path) -> None:
    """Write two hostile documents to a file with a hostile name."""
    documents = ["\n".join(SENTENCES), "\n".join(reversed(SENTENCES))]
    (folder / FILE_NAME).write_text("\n\n".join(documents) + "\n", encoding="utf-8")
