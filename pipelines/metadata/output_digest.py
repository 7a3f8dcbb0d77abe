"""An artifact's folder to one digest, kept in ML Metadata and compared before a result is reused.

TFX takes a cached result for good when its folder exists; this takes it when not a byte of it
changed. It holds for every artifact alike, also for statistics and pages, which have no manifest.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.manifest import file_digest

OUTPUT_DIGEST = "output_digest"  # custom property of an artifact
# What a run's progress is watched by; TensorBoard may write beside it, and no node reads it.
UNCHECKED_TYPES = {"ModelRun"}


def output_digest(folder: str) -> str:
    """sha256 over the names and digests of all files under a folder, sorted by name."""
    names = sorted(_files(Path(folder)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = pool.map(lambda name: file_digest(str(Path(folder, name))), names)
        lines = [f"{digest}  {name}\n" for name, digest in zip(names, digests, strict=True)]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def find_damage(folder: str, recorded: str | None) -> str | None:
    """What keeps an artifact from being reused; None if it is as it was written.

    Args:
        folder: the artifact's.
        recorded: its digest when it was published; None if none was noted.
    """
    if not Path(folder).is_dir():
        return f"{folder} is gone."
    if recorded is None:
        return f"no digest was noted of {folder}."
    if output_digest(folder) != recorded:
        return f"{folder} was altered since it was written."
    return None


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if not path.is_dir():
            yield path.relative_to(folder).as_posix()
