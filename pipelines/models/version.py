"""Describe a version of a published model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Version:
    """A complete version of a published model."""

    version: str  # of a folder: the second in which it was published
    aliases: tuple[str, ...]
    published: str  # ISO 8601
    folder: str
    content_digest: str
    size_bytes: int | None  # None: unknown
