"""Patterns to files: every text file of a corpus, in an order that no file system decides."""

import fnmatch
import functools
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.text_example_gen.errors import CorpusError, shown
from core import storage

_WILD = re.compile(r"[*?\[]")
_COMMA = re.compile(r"(?<!\[),|,(?!\])")  # not that of [,]


@dataclass(frozen=True)
class CorpusFile:
    """One text file."""

    path: str
    name: str  # path relative to the corpus folder, with /
    size_bytes: int


def find_files(root: str, patterns: Sequence[str]) -> list[CorpusFile]:
    """All files that the patterns match, each once, sorted by name.

    A pattern is a path relative to the folder. `*`, `?` and `[…]` match within one name, `**` is
    any number of folders. A folder's own name stands for every file in it. Names that begin with
    a dot match only a pattern that says so. Folders that a wildcard matches are passed over.

    Args:
        root: the corpus folder, local or on an object store.
        patterns: what to take.

    Raises:
        CorpusError: nothing matches; a match is not a regular file, or is a link that leads out
            of the folder; a pattern leads out of the folder.
    """
    if not storage.is_remote(root) and not Path(root).is_dir():
        raise CorpusError(f"{shown(root)}: no such folder. Give the folder that the text lies in.")
    names = sorted({name for pattern in patterns for name in _match(root, pattern)})
    if not names:
        raise CorpusError(
            f"No file matches {' or '.join(repr(shown(p)) for p in patterns)} in {shown(root)}. "
            f"Check the folder and the pattern; '**/*.txt' also looks into folders."
        )
    return [_describe(root, name) for name in names]


def join_patterns(patterns: Sequence[str]) -> str:
    """Several patterns as one, which TFX's input_config takes; `[,]` is a name's own comma.

    Raises:
        CorpusError: there is none, or one of several holds a span.
    """
    if not patterns:
        raise CorpusError("No pattern says which files to read. Give one, for example '*.txt'.")
    if len(patterns) > 1 and any("{" in pattern for pattern in patterns):
        raise CorpusError(
            f"Several patterns and a span: {', '.join(patterns)}. A pattern with "
            f"{{SPAN}}, {{VERSION}} or a date stands alone: put the files under one folder a span."
        )
    return ",".join(_COMMA.sub("[,]", pattern) for pattern in patterns)


def split_patterns(joined: str) -> list[str]:
    """The patterns that `join_patterns` joined."""
    return _COMMA.split(joined)


def _match(root: str, pattern: str) -> Iterator[str]:
    """The names of the files under the folder that one pattern matches."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if pattern.startswith("/") or storage.is_remote(pattern) or ".." in parts or not parts:
        raise CorpusError(
            f"The pattern {shown(pattern)!r} leads out of {shown(root)}. Name files under that "
            f"folder, or give another folder."
        )
    yield from _descend(root, (), parts)


def _descend(root: str, above: tuple[str, ...], parts: Sequence[str]) -> Iterator[str]:
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _descend(root, above, rest or ["*"])
        rest, part = parts, "*"
    for name, is_folder in _list(root, above):
        if not _is_named(name, part):
            continue
        here = (*above, name)
        if rest:
            if is_folder and not (parts[0] == "**" and _is_link(root, here)):
                yield from _descend(root, here, rest)
        elif not is_folder:
            yield "/".join(here)
        elif not _WILD.search(part):
            yield from _descend(root, here, ["**"])


def _is_named(name: str, part: str) -> bool:
    is_matched = fnmatch.fnmatchcase(name, part) and (name[0] != "." or part[0] == ".")
    return is_matched or name == part  # as the name "a[1].txt" is of a file that it names


def _list(root: str, above: tuple[str, ...]) -> list[tuple[str, bool]]:
    """A folder's entries: name, and whether it is a folder."""
    folder = storage.join(root, *above)
    if storage.is_remote(root):
        return _list_remote(folder)
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, _is_folder(entry)) for entry in entries)
    except OSError as error:
        raise CorpusError(
            f"{shown(folder)}: the folder cannot be read ({error.strerror}). Change its "
            f"permissions, or leave it out of the pattern."
        ) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links; it is refused as a file
        return False


def _list_remote(folder: str) -> list[tuple[str, bool]]:
    import tensorflow as tf

    names = tf.io.gfile.listdir(folder)  # an object store's folders end with /
    return sorted((name.rstrip("/"), name.endswith("/")) for name in names if name != "/")


def _is_link(root: str, names: tuple[str, ...]) -> bool:
    return not storage.is_remote(root) and Path(root, *names).is_symlink()


def _describe(root: str, name: str) -> CorpusFile:
    path = storage.join(root, name)
    if storage.is_remote(root):
        import tensorflow as tf

        return CorpusFile(path=path, name=name, size_bytes=tf.io.gfile.stat(path).length)
    try:
        real = Path(path).resolve(strict=True)
        status = real.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise CorpusError(
            f"{shown(path)}: a link that leads nowhere. Mend it, or leave it out of the pattern."
        ) from error
    if not real.is_relative_to(_real(root)):
        raise CorpusError(
            f"{shown(path)}: a link that leads out of {shown(root)}, to {shown(str(real))}. Copy "
            f"the file into the folder, or give the folder that it lies in."
        )
    if not stat.S_ISREG(status.st_mode):
        raise CorpusError(
            f"{shown(path)}: not a regular file but a pipe, socket or device. Leave it out of the "
            f"pattern."
        )
    return CorpusFile(path=path, name=name, size_bytes=status.st_size)


@functools.lru_cache(maxsize=8)
def _real(root: str) -> Path:
    return Path(root).resolve()
