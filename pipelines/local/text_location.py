"""Split the paths given as --text into a base folder and patterns under it, for ExampleGen."""

import glob
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.text_example_gen.check_corpus import check_small_text
from components.text_example_gen.reading.check_text import check_text
from components.text_example_gen.reading.errors import escape_path
from components.text_example_gen.reading.find_files import find_files
from components.text_example_gen.reading.find_sources import Patterns, find_sources
from components.text_example_gen.reading.list_remote import list_remote
from components.text_settings import TextSettings
from core import storage
from core.errors import InputError
from core.gcs import object_store
from core.gcs.requests import SCHEME

WILD = re.compile(r"[*?\[]|\{(SPAN|VERSION|YYYY|MM|DD)\b")  # of globs, and TFX's for spans
EVERYTHING = "**"  # all files below a folder


class TextLocationError(InputError):
    """Text that does not exist at the given path."""


@dataclass(frozen=True)
class TextLocation:
    """The location of text: `base` is absolute or gs://, the patterns are relative to it."""

    base: str
    patterns: tuple[str, ...]  # of all sources
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the patterns of each

    @property
    def has_span(self) -> bool:
        """Whether a pattern has a placeholder for the span."""
        return any("{" in pattern for pattern in self.patterns)

    @property
    def by_source(self) -> Patterns:
        """The patterns; those of each source by its name, if there are sources."""
        return self.sources or self.patterns


def locate_and_check(names: list[str], span: int | None, settings: TextSettings) -> TextLocation:
    """Find the text of a run, and check what can be checked quickly.

    Raises:
        InputError: the text does not exist, is not UTF-8, is blank or leaves a split empty, or a
            span is given and no path has one.
    """
    text = locate_recipe_text(settings, names)
    if span is not None and not text.has_span:
        raise InputError(
            f"--span {span}: --text has no {{SPAN}}. Write {{SPAN}} where the paths of spans "
            f"differ, for example 'week-{{SPAN}}/*.txt'."
        )
    if not text.has_span:
        check_text(text.base, text.by_source, settings)
        check_small_text(text.base, text.by_source, settings)
    return text


def locate_recipe_text(settings: TextSettings, names: list[str]) -> TextLocation:
    """Find the text of a run: that of --text, or the sources of the recipe.

    Raises:
        InputError: there is neither, or both, or as `locate_text`.
    """
    sources = settings.sources
    if names and sources:
        raise TextLocationError(
            f"--text {names[0]}: the recipe has text.sources. Remove one of the two."
        )
    if not sources:
        if not names:
            raise TextLocationError(
                "No text. Give --text PATH, or list text.sources in the recipe."
            )
        return locate_text(names)
    base, patterns = _find_base([source.path for source in sources])
    named = {source.name: (glob,) for source, glob in zip(sources, patterns, strict=True)}
    location = TextLocation(base, tuple(patterns), named)
    if not location.has_span:
        find_sources(location.base, location.sources)
    return location


def locate_text(names: list[str]) -> TextLocation:
    """Find the common folder of local or gs:// files, folders and globs; a glob may hold {SPAN}.

    Raises:
        InputError: a file or folder does not exist, a glob matches nothing, or some of the text is
            local and some is not.
    """
    base, patterns = _find_base(names)
    location = TextLocation(base, tuple(dict.fromkeys(patterns)))
    if not location.has_span:
        find_files(location.base, location.patterns)
    return location


def _find_base(names: list[str]) -> tuple[str, list[str]]:
    """Return the common folder, and the pattern in it for each path."""
    schemes = {name.rpartition("://")[0] for name in names}
    if len(schemes) > 1:
        raise TextLocationError(
            f"--text {' '.join(map(escape_path, names))}: all text must be local, or all on "
            f"gs://. Copy the files to one place."
        )
    remote = storage.is_remote(names[0])
    if remote and len({name.removeprefix(SCHEME).partition("/")[0] for name in names}) > 1:
        raise TextLocationError(
            f"--text {' '.join(map(escape_path, names))}: all text must be in one bucket. Copy it "
            f"there with `gcloud storage cp`."
        )
    split_names = [_split_remote(name) if remote else _split(name) for name in names]
    base = Path(os.path.commonpath([folder for folder, _ in split_names]))
    patterns = [_join(folder.relative_to(base), pattern) for folder, pattern in split_names]
    root = f"{SCHEME}{base.as_posix().lstrip('/')}" if remote else str(base)
    return root, patterns


def _split(name: str) -> tuple[Path, str]:
    """Split a path into its longest folder without wildcards, and the rest as a pattern."""
    if not name:  # from an unset shell variable; it would mean the current folder
        raise TextLocationError("--text is empty. Name a file, a folder or a glob.")
    path = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100 - keeps links
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise TextLocationError(
            f"--text {escape_path(name)}: the path is not valid UTF-8 and cannot be recorded. "
            f"Rename it, or give its folder: files in a folder may have any name."
        ) from error
    parts = path.parts
    wild = [n for n, part in enumerate(parts) if WILD.search(part)]
    if wild and not path.exists():
        folder = Path(*parts[: wild[0]])
        if not folder.is_dir():
            raise TextLocationError(f"--text {name}: no such folder: {folder}. Check the path.")
        return folder, "/".join(parts[wild[0] :])
    if path.is_dir():
        return path, EVERYTHING
    if path.is_file():
        return path.parent, glob.escape(path.name)
    if path.exists():
        raise TextLocationError(
            f"--text {name}: neither a regular file nor a folder. Text is read more than once, so "
            f"write it to a file first."
        )
    raise TextLocationError(f"--text {name}: no such file or folder ({path}). Check the path.")


def _split_remote(name: str) -> tuple[Path, str]:
    """Split a gs:// path into its longest folder without wildcards, as a path, and a pattern."""
    bucket, *parts = [part for part in name.removeprefix(SCHEME).split("/") if part]
    folder = Path("/", bucket)
    wild = next((n for n, part in enumerate(parts) if WILD.search(part)), None)
    if wild is not None:
        return folder.joinpath(*parts[:wild]), "/".join(parts[wild:])
    if list_remote(f"{SCHEME}{'/'.join([bucket, *parts])}"):
        return folder.joinpath(*parts), EVERYTHING
    if parts and object_store.find(f"{SCHEME}{'/'.join([bucket, *parts])}"):
        return folder.joinpath(*parts[:-1]), parts[-1]
    raise TextLocationError(f"--text {name}: no such object or folder. Check the path.")


def _join(folder: Path, pattern: str) -> str:
    return pattern if folder == Path() else f"{glob.escape(folder.as_posix())}/{pattern}"
