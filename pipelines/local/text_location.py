"""What a person names as text, to a base folder and patterns under it, as ExampleGen wants them."""

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from components.text_example_gen.errors import escape_path
from components.text_example_gen.reading.find_files import find_files
from core.errors import InputError

WILD = re.compile(r"[*?\[]|\{(SPAN|VERSION|YYYY|MM|DD)\b")  # a glob's signs, and TFX's for spans
EVERYTHING = "**"  # all files below a folder


class TextLocationError(InputError):
    """Text that is not where the command line says."""


@dataclass(frozen=True)
class TextLocation:
    """Where text lies: `base` is absolute, the patterns are relative to it."""

    base: str
    patterns: tuple[str, ...]

    @property
    def has_span(self) -> bool:
        """Whether a pattern leaves open which span of the text is meant."""
        return any("{" in pattern for pattern in self.patterns)


def locate_text(names: list[str]) -> TextLocation:
    """Finds the folder that all the text lies under.

    Args:
        names: files, folders and globs; a glob may hold `{SPAN}`.

    Raises:
        InputError: a file or folder is not there, or nothing matches a glob.
    """
    fixed = [_split(name) for name in names]
    base = Path(os.path.commonpath([folder for folder, _ in fixed]))
    patterns = (_join(folder.relative_to(base), pattern) for folder, pattern in fixed)
    location = TextLocation(str(base), tuple(dict.fromkeys(patterns)))
    if not location.has_span:
        find_files(location.base, location.patterns)
    return location


def _split(name: str) -> tuple[Path, str]:
    """A name's longest folder without wildcards, and the rest as a pattern."""
    if not name:  # of a shell's variable that is not set; it would mean the current folder
        raise TextLocationError("--text is empty. Name a file, a folder or a glob.")
    path = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100 - links stay links
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise TextLocationError(
            f"--text {escape_path(name)}: a path that is not UTF-8 cannot be recorded. Rename it; "
            f"files in a folder may be called anything, if the folder is given."
        ) from error
    parts = path.parts
    wild = [n for n, part in enumerate(parts) if WILD.search(part)]
    if wild and not path.exists():
        folder = Path(*parts[: wild[0]])
        _must_be_folder(folder, name)
        return folder, "/".join(parts[wild[0] :])
    if path.is_dir():
        return path, EVERYTHING
    if path.is_file():
        return path.parent, glob.escape(path.name)
    raise TextLocationError(
        f"--text {name}: no such file or folder (looked for {path}). Check the path."
    )


def _must_be_folder(folder: Path, name: str) -> None:
    if not folder.is_dir():
        raise TextLocationError(f"--text {name}: there is no folder {folder}. Check the path.")


def _join(folder: Path, pattern: str) -> str:
    return pattern if folder == Path() else f"{glob.escape(folder.as_posix())}/{pattern}"
