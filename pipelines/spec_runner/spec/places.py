"""`gs://bucket/…` to folders of this machine."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.spec_runner.errors import SpecError

# A bucket as gs:// names it, or as Vertex AI mounts it; a folder /x/gcs/ is none.
_SCHEME = r"(?:gs://|(?<![\w.-])/gcs/)"
_BUCKET = r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"
_END = r"(?=[/\s'\"\\,;?*]|$)"  # a mapped path ends where a name ends


class Places:
    """Where buckets lie; TensorFlow cannot open gs:// without a network.

    Args:
        folder: holds a folder for each bucket that is not mapped.
        mapped: "bucket" or "bucket/path" to a folder; the longest that fits counts.
    """

    def __init__(self, folder: Path, mapped: dict[str, Path] | None = None) -> None:
        self.folder = folder
        self.mapped = mapped or {}
        longest_first = sorted(self.mapped, key=len, reverse=True)
        known = "|".join(f"{re.escape(name)}{_END}" for name in longest_first)
        names = f"(?P<known>{known})|(?P<bucket>{_BUCKET})" if known else f"(?P<bucket>{_BUCKET})"
        self._pattern = re.compile(f"{_SCHEME}(?:{names})")

    def localise(self, text: str) -> str:
        """The text with each `gs://bucket/path` in it replaced by a local path."""
        return self._pattern.sub(self._replace, text)

    def localise_all(self, value: Any) -> Any:
        """The same for each text in a JSON value."""
        if isinstance(value, str):
            return self.localise(value)
        if isinstance(value, list):
            return [self.localise_all(inner) for inner in value]
        if isinstance(value, dict):
            return {key: self.localise_all(inner) for key, inner in value.items()}
        return value

    def _replace(self, match: re.Match[str]) -> str:
        found = match.groupdict()
        if found.get("known"):
            return str(self.mapped[found["known"]])
        return str(self.folder / found["bucket"])


def parse_maps(maps: Sequence[str]) -> dict[str, Path]:
    """Reads what `--map` was given, as `gs://bucket/path=FOLDER`.

    Raises:
        SpecError: a mapping is of another form, or its folder is a file.
    """
    mapped: dict[str, Path] = {}
    for text in maps:
        match = re.fullmatch(rf"gs://(?P<name>{_BUCKET}(?:/[^=]*?)?)/*=(?P<folder>.+)", text)
        if match is None:
            raise SpecError(f"--map {text}: write it as gs://bucket/path=FOLDER.")
        folder = Path(match["folder"]).expanduser().absolute()
        if folder.exists() and not folder.is_dir():
            raise SpecError(f"--map {text}: {folder} is a file. Give a folder.")
        mapped[match["name"]] = folder
    return mapped
