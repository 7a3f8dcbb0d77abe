"""Compute the digest of a corpus from the content and names of its files, but not their times.

On an object store, the content is represented by the checksums of the store, which come with the
listing, so that no file is read. Such a digest begins with `store:`, and is different from the
`sha256:` of the same text in a folder.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from components.text_example_gen.reading.find_files import CorpusFile
from core.manifest import file_digest

PREFIX = "sha256:"
STORE_PREFIX = "store:"


def fingerprint(files: Sequence[CorpusFile]) -> str:
    """Return the digest of the corpus; local files are read in parallel."""
    if files and files[0].checksum:
        return _store_fingerprint(files)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        digests = pool.map(lambda file: (file.name, file_digest(file.path)), files)
        return corpus_digest(digests)


def _store_fingerprint(files: Sequence[CorpusFile]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        digest.update(f"{file.checksum} {file.size_bytes} {file.name!r}\n".encode())
    return STORE_PREFIX + digest.hexdigest()


def corpus_digest(digests: Iterable[tuple[str, str]]) -> str:
    """Combine the digests of files into the digest of a corpus.

    Args:
        digests: name (relative to the corpus folder) and sha256 of every file, in any order.
    """
    digest = hashlib.sha256()
    for name, sha256 in sorted(digests):
        digest.update(f"{sha256} {name!r}\n".encode())
    return PREFIX + digest.hexdigest()
