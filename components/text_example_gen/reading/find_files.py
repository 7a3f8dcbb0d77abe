"""Find the text files that match patterns, in an order that does not depend on the file system."""

import fnmatch
import functools
import itertools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.text_example_gen.reading.errors import (
    CorpusError,
    escape_path,
    explain_unreadable,
)
from components.text_example_gen.reading.list_remote import list_remote
from components.text_settings import UNNAMED_SOURCE
from core import storage
from core.gcs import object_store

_WILDCARD = re.compile(r"[*?\[]")
_COMMA = re.compile(r"(?<!\[),|,(?!\])")  # but not the comma in [,]


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One text file."""

    path: str
    name: str  # path relative to the corpus folder, with /
    size_bytes: int
    # Of an object on an object store, from the listing.
    generation: int | None = None
    checksum: str = ""
    source: str = UNNAMED_SOURCE
    # Of one range of a large file: the first byte, the one after the last, how the file holds its
    # documents, and the size and time of a local one. The range of no bytes stands for the digest.
    first_byte: int = 0
    end_byte: int | None = None  # None: the whole file
    layout: str = ""
    status: Sequence[int] | None = None

    @property
    def is_range(self) -> bool:
        """Whether this is one range of several."""
        return self.end_byte is not None

    @property
    def work_bytes(self) -> int:
        """How much text there is to read; hashing is about as fast as reading a 16th."""
        if self.end_byte is None:
            return self.size_bytes
        return self.end_byte - self.first_byte or self.size_bytes // 16


# The entries of a folder, given by the names of the folders above them: name, and whether it is a
# folder.
_ListFolder = Callable[[tuple[str, ...]], list[tuple[str, bool]]]


def find_files(root: str, patterns: Sequence[str]) -> list[CorpusFile]:
    """Return all files that the patterns match, each once, sorted by name.

    A pattern is a path relative to the folder. `*`, `?` and `[…]` match within one name; `**`
    matches any number of folders. The name of a folder stands for every file in it. Names that
    begin with a dot match only a pattern that begins with one. Folders that a wildcard matches
    are ignored.

    Args:
        root: the corpus folder, local or on an object store.
        patterns: which files to take.

    Raises:
        CorpusError: nothing matches; a match is not a regular file, or is a link that leads out
            of the folder; a pattern leads out of the folder.
    """
    split_patterns = [_split_pattern(root, pattern) for pattern in patterns]
    objects: dict[str, object_store.StoredObject] = {}
    if storage.is_remote(root):
        objects = _list_objects(root, split_patterns)
        names = match_names(objects, patterns, root)
    elif Path(root).is_dir():
        names = _match(functools.partial(_list_local, root), root, split_patterns)
    else:
        raise CorpusError(f"{escape_path(root)}: no such folder. Give the folder with the text.")
    if not names:
        raise CorpusError(
            f"No file matches {' or '.join(repr(escape_path(p)) for p in patterns)} in "
            f"{escape_path(root)}. Check the folder and the pattern; '**/*.txt' also looks into "
            f"folders."
        )
    if storage.is_remote(root):
        return [_describe_object(objects[name], name) for name in names]
    resolve = functools.cache(_resolve)
    return [_describe(root, name, resolve) for name in names]


def match_names(names: Iterable[str], patterns: Sequence[str], root: str = "gs://") -> list[str]:
    """Return those of the names of objects below a root that `find_files` finds by patterns."""
    parts = [_split_pattern(root, pattern) for pattern in patterns]
    return _match(_tree(names).__getitem__, root, parts)


def join_patterns(patterns: Sequence[str]) -> str:
    """Join patterns with commas for TFX's input_config; `[,]` is a comma in a name.

    Raises:
        CorpusError: there is no pattern, or one of several contains a span.
    """
    if not patterns:
        raise CorpusError("No pattern says which files to read. Give one, for example '*.txt'.")
    if len(patterns) > 1 and any("{" in pattern for pattern in patterns):
        raise CorpusError(
            f"There are several patterns and one contains a span: {', '.join(patterns)}. A pattern "
            f"with {{SPAN}}, {{VERSION}} or a date must be the only one: put all files of a span "
            f"into one folder."
        )
    return ",".join(_COMMA.sub("[,]", pattern) for pattern in patterns)


def split_patterns(joined: str) -> list[str]:
    """Return the patterns that `join_patterns` joined."""
    return _COMMA.split(joined)


def _split_pattern(root: str, pattern: str) -> list[str]:
    """Split a pattern at its slashes."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if pattern.startswith("/") or storage.is_remote(pattern) or ".." in parts or not parts:
        raise CorpusError(
            f"The pattern {escape_path(pattern)!r} leads out of {escape_path(root)}. Name files in "
            f"that folder, or give another folder."
        )
    return parts


def _match(list_folder: _ListFolder, root: str, patterns: Sequence[Sequence[str]]) -> list[str]:
    """Return the names that any pattern matches, sorted."""
    return sorted({name for parts in patterns for name in _descend(list_folder, root, (), parts)})


def _descend(
    list_folder: _ListFolder, root: str, above: tuple[str, ...], parts: Sequence[str]
) -> Iterator[str]:
    """Yield the names of the files that a pattern matches in the folder and those below it."""
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _descend(list_folder, root, above, rest or ["*"])
        rest, part = parts, "*"
    for name, is_folder in list_folder(above):
        if not _matches_part(name, part):
            continue
        here = (*above, name)
        if rest:
            if is_folder and not (parts[0] == "**" and _is_link(root, here)):
                yield from _descend(list_folder, root, here, rest)
        elif not is_folder:
            yield "/".join(here)
        elif not _WILDCARD.search(part):
            yield from _descend(list_folder, root, here, ["**"])


def _list_objects(
    root: str, patterns: Sequence[Sequence[str]]
) -> dict[str, object_store.StoredObject]:
    """List the objects that patterns can match, by their names below the root, all at once."""
    literal = []
    for parts in patterns:
        wild = (n for n, part in enumerate(parts) if _WILDCARD.search(part))
        literal.append(parts[: next(wild, len(parts) - 1)])
    shared = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*literal, strict=False))
    folder = storage.join(root, *(parts[0] for parts in shared))
    start = len(root.rstrip("/")) + 1
    return {item.path[start:]: item for item in list_remote(folder)}


def _tree(names: Iterable[str]) -> dict[tuple[str, ...], list[tuple[str, bool]]]:
    """Return the entries of every folder, from the names of all objects."""
    tree: dict[tuple[str, ...], dict[tuple[str, bool], None]] = {(): {}}
    for name in names:
        *folders, last = name.split("/")
        for depth, folder in enumerate(folders):
            tree.setdefault(tuple(folders[:depth]), {})[(folder, True)] = None
        tree.setdefault(tuple(folders), {})[(last, False)] = None
    return {folder: sorted(entries) for folder, entries in tree.items()}


def _describe_object(item: object_store.StoredObject, name: str) -> CorpusFile:
    return CorpusFile(item.path, name, item.size_bytes, item.generation, item.checksum)


def _list_local(root: str, above: tuple[str, ...]) -> list[tuple[str, bool]]:
    folder = storage.join(root, *above)
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, _is_folder(entry)) for entry in entries)
    except OSError as error:
        raise CorpusError(
            f"{escape_path(folder)}: cannot read the folder ({error.strerror}). Change its "
            f"permissions, or exclude it from the pattern."
        ) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links; `_describe` refuses it
        return False


def _matches_part(name: str, part: str) -> bool:
    is_match = fnmatch.fnmatchcase(name, part) and (name[:1] != "." or part[0] == ".")
    return is_match or name == part  # a file may be called "a[1].txt"


def _is_link(root: str, names: tuple[str, ...]) -> bool:
    return not storage.is_remote(root) and Path(root, *names).is_symlink()


def _describe(root: str, name: str, resolve: Callable[[str], str]) -> CorpusFile:
    # Strings: a Path for each of many small files would take most of the time.
    path = storage.join(root, name)
    folder, _, last = path.rpartition("/")
    real = f"{resolve(folder)}/{last}"
    try:
        status = os.lstat(path)
    except OSError as error:
        raise explain_unreadable(path, error) from error
    if stat.S_ISLNK(status.st_mode):
        real, status = _follow(path)
    if not real.startswith(f"{resolve(root)}/"):
        raise CorpusError(
            f"{escape_path(path)}: the link leads out of {escape_path(root)}, to "
            f"{escape_path(real)}. Copy the file into the folder, or give the folder that "
            f"contains it."
        )
    if not stat.S_ISREG(status.st_mode):
        raise CorpusError(
            f"{escape_path(path)}: not a regular file but a pipe, socket or device. Exclude it "
            f"from the pattern."
        )
    return CorpusFile(path=path, name=name, size_bytes=status.st_size)


def _follow(path: str) -> tuple[str, os.stat_result]:
    """Return where a link leads, and what is there."""
    try:
        real = os.path.realpath(path, strict=True)
        return real, os.lstat(real)
    except OSError as error:
        raise CorpusError(
            f"{escape_path(path)}: the link leads nowhere. Fix it, or exclude it from the pattern."
        ) from error


def _resolve(folder: str) -> str:
    """Return the folder without links; "" for the root of the file system."""
    return os.path.realpath(folder).rstrip("/")
