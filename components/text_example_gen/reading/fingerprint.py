"""Compute the digest of a corpus from the content and names of its files, but not their times."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from components.text_example_gen.reading.find_files import CorpusFile
from core.manifest import file_digest

PREFIX = "sha256:"


def fingerprint(files: Sequence[CorpusFile]) -> str:
    """Read all files in parallel and return the digest of the corpus."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        digests = pool.map(lambda file: (file.name, file_digest(file.path)), files)
        return corpus_digest(digests)


def corpus_digest(digests: Iterable[tuple[str, str]]) -> str:
    """Combine the digests of files into the digest of a corpus.

    Args:
        digests: name (relative to the corpus folder) and sha256 of every file, in any order.
    """
    digest = hashlib.sha256()
    for name, sha256 in sorted(digests):
        digest.update(f"{sha256} {name!r}\n".encode())
    return PREFIX + digest.hexdigest()
