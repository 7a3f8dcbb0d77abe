"""Files to the digest of a corpus: content and names, nothing that a copy or a touch changes."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from components.text_example_gen.reading.find_files import CorpusFile
from core.manifest import file_digest

PREFIX = "sha256:"


def corpus_digest(digests: Iterable[tuple[str, str]]) -> str:
    """The digest of a corpus.

    Args:
        digests: name (relative to the corpus folder) and sha256 of every file, in any order.
    """
    digest = hashlib.sha256()
    for name, sha256 in sorted(digests):
        digest.update(f"{sha256} {name!r}\n".encode())
    return PREFIX + digest.hexdigest()


def fingerprint(files: Sequence[CorpusFile]) -> str:
    """Reads all files, several at a time, and returns the digest of the corpus."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        digests = pool.map(lambda file: (file.name, file_digest(file.path)), files)
        return corpus_digest(digests)
