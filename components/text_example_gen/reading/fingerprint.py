"""Compute the digest of a corpus from the content and names of its files, but not their times.

On an object store, the content is represented by the checksums of the store, which come with the
listing, so that no file is read. Such a digest begins with `store:`, and is different from the
`sha256:` of the same text in a folder.
"""

import hashlib
import itertools
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from components.text_example_gen.reading.errors import explain_unreadable
from components.text_example_gen.reading.find_files import CorpusFile
from core.manifest import file_digest

PREFIX = "sha256:"
STORE_PREFIX = "store:"
LARGE_BYTES = 1 << 18  # threads open many smaller files more slowly than one does


def fingerprint(files: Sequence[CorpusFile]) -> str:
    """Return the digest of the corpus; large local files are read in parallel.

    Raises:
        CorpusError: a file cannot be read.
    """
    if files and files[0].checksum:
        return _store_fingerprint(files)
    large = [file for file in files if file.size_bytes >= LARGE_BYTES]
    small = (file for file in files if file.size_bytes < LARGE_BYTES)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return corpus_digest(itertools.chain(pool.map(_digest, large), map(_digest, small)))


def _digest(file: CorpusFile) -> tuple[str, str]:
    try:
        return file.name, file_digest(file.path)
    except OSError as error:
        raise explain_unreadable(file.path, error) from error


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
