"""Decide whether a cached result is whole: not a byte of it has changed since it was written.

TFX reuses a cached result if its folder exists. Textmill records one digest per output folder and
compares it first. This covers artifacts without a manifest too, such as statistics and pages.
"""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from components.publisher.publish import check_version
from core import storage
from core.errors import InputError
from core.gcs import object_store
from core.manifest import file_digest
from pipelines.metadata.names import MODEL_RUN


def find_damage(
    uri: str, type_name: str, *, digest: str | None, published: str | None = None
) -> str | None:
    """Return why an artifact cannot be reused, or None if it can.

    The local runner and the recorder of `run-spec` call this in `refuse_damaged_hit`.

    Args:
        uri: folder of the artifact, or a single file, which only has to exist.
        type_name: type of the artifact; the logs of training are not checked.
        digest: `output_digest` of the folder when it was written; None if there is none on record.
        published: folder of the published version that the artifact names, if any.
    """
    if type_name == MODEL_RUN or Path(uri).is_file():
        return None
    if (now := output_digest(uri)) is None:
        return None if storage.exists(uri) else f"{uri} is gone."  # it may be one object
    if digest is None:
        return f"{uri} has no digest on record."
    if now != digest:
        return f"{uri} was altered since it was written."
    # A published version in a bucket is not checked: others may write there, and a check would read
    # all of it.
    if published and not storage.is_remote(published):
        try:
            check_version(published)
        except InputError as error:
            return str(error)
    return None


def output_digest(folder: str) -> str | None:
    """Return the sha256 over the names and digests of all files in a folder, sorted by name.

    On an object store, the digests are the checksums in its listing, so that no object is read.

    Returns:
        None if there is no such folder.
    """
    if storage.is_remote(folder):
        start = len(folder.rstrip("/")) + 1
        listed = object_store.list_objects(folder)
        lines = [f"{item.checksum}  {item.path[start:]}\n" for item in listed]
        return _digest_lines(lines) if lines else None
    if not Path(folder).is_dir():
        return None
    paths = (path for path in Path(folder).rglob("*") if not path.is_dir())
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pairs = pool.map(lambda name: f"{file_digest(str(Path(folder, name)))}  {name}\n", names)
    return _digest_lines(pairs)


def _digest_lines(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
