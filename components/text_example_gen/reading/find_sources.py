"""Find the files of one or several sources of text."""

import dataclasses
import glob
import itertools
from collections.abc import Mapping, Sequence

from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.find_files import CorpusFile, find_files
from components.text_settings import UNNAMED_SOURCE

Patterns = Sequence[str] | Mapping[str, Sequence[str]]


def by_source(patterns: Patterns) -> Mapping[str, Sequence[str]]:
    """Return the patterns of each source; those of text without sources are one, without a name."""
    return patterns if isinstance(patterns, Mapping) else {UNNAMED_SOURCE: patterns}


def find_sources(root: str, patterns: Patterns) -> list[CorpusFile]:
    """Return the files of all sources, sorted by name.

    The names of a source's files are its name and the path in the source's folder. So the digest of
    a corpus depends on which source a file belongs to, but not on where its folder is.

    Args:
        root: the folder of all text.
        patterns: see `find_files`; for several sources, those of each by its name.

    Raises:
        CorpusError: as `find_files`, or a file belongs to two sources.
    """
    files: dict[str, CorpusFile] = {}
    for source, globs in by_source(patterns).items():
        for file in find_files(root, globs):
            if file.path in files:
                raise CorpusError(
                    f"{escape_path(file.path)}: belongs to two sources, {files[file.path].source} "
                    f"and {source}. Give each source its own files in text.sources."
                )
            name = file.name
            if source != UNNAMED_SOURCE:
                name = f"{source}/{name.removeprefix(_common_folder(globs))}"
            files[file.path] = dataclasses.replace(file, name=name, source=source)
    return sorted(files.values(), key=lambda file: file.name)


def _common_folder(globs: Sequence[str]) -> str:
    """Return the folder of a source's files, as far as no wildcard is in it, with a slash."""
    literal = [itertools.takewhile(_is_literal, pattern.split("/")[:-1]) for pattern in globs]
    shared = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*literal, strict=False))
    return "".join(f"{parts[0]}/" for parts in shared)


def _is_literal(part: str) -> bool:
    return not glob.has_magic(part)
