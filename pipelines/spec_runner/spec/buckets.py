"""Map `gs://bucket/…` to folders on this machine."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.spec_runner.spec.errors import SpecError

# A bucket as a URI, or mounted by Vertex AI at /gcs/; a folder such as /x/gcs/ is not one.
_SCHEME = r"(?:gs://|(?<![\w.-])/gcs/)"
_BUCKET = r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"
_END = r"(?=[/\s'\"\\,;?*]|$)"  # a mapped path ends at the end of a name


class Buckets:
    """The local folders of buckets.

    Args:
        folder: has a folder for each bucket that is not mapped; None: such buckets are left as
            they are, and read and written over the network.
        mapped: "bucket" or "bucket/path" to a folder; the longest match counts.
    """

    def __init__(self, folder: Path | None, mapped: dict[str, Path] | None = None) -> None:
        self.folder = folder
        self.mapped = mapped or {}
        longest_first = sorted(self.mapped, key=len, reverse=True)
        known = "|".join(f"{re.escape(name)}{_END}" for name in longest_first)
        names = [f"(?P<known>{known})"] if known else []
        names += [f"(?P<bucket>{_BUCKET})"] if folder else []
        self._pattern = re.compile(f"{_SCHEME}(?:{'|'.join(names)})") if names else None

    def localize(self, text: str) -> str:
        """Replace each `gs://bucket/path` in a text by a local path."""
        return self._pattern.sub(self._replace, text) if self._pattern else text

    def localize_all(self, value: Any) -> Any:
        """Localize each string in a JSON value."""
        if isinstance(value, str):
            return self.localize(value)
        if isinstance(value, list):
            return [self.localize_all(inner) for inner in value]
        if isinstance(value, dict):
            return {key: self.localize_all(inner) for key, inner in value.items()}
        return value

    def _replace(self, match: re.Match[str]) -> str:
        groups = match.groupdict()
        if groups.get("known"):
            return str(self.mapped[groups["known"]])
        assert self.folder is not None  # noqa: S101 - otherwise the pattern has no bucket
        return str(self.folder / groups["bucket"])


def parse_mappings(maps: Sequence[str]) -> dict[str, Path]:
    """Parse the values of `--map`, each `gs://bucket/path=FOLDER`.

    Raises:
        SpecError: a mapping has another form, or its folder is a file.
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
