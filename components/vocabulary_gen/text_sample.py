"""Read a representative sample of the documents' text."""

from collections.abc import Iterator, Mapping

from components.records import check_records, read_records
from components.text_example_gen.documents import decode_sentences
from core import storage
from core.manifest import Manifest
from core.progress import show_progress

SAMPLED_SPLIT = "train"  # the vocabulary must not depend on the eval split


class TextSample:
    """The first documents of some shards, up to a number of bytes.

    Documents are in the order of a hash of their content, so the first ones are a random sample.
    Every iteration reads them again.

    Attributes:
        text_bytes: bytes of text in the documents of the last iteration.
    """

    def __init__(self, digests: Mapping[str, str], max_bytes: int, shown_bytes: int) -> None:
        """Take the paths of the shards with their sha256, and the bytes to show as the total."""
        self._digests = digests
        self._max_bytes = max_bytes
        self._total = min(max_bytes, shown_bytes)
        self.text_bytes = 0

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the sentences of each document."""
        self.text_bytes = 0
        with show_progress("VocabularyGen, reading text", "bytes", self._total) as advance:
            for path, digest in self._digests.items():
                check_records(path, digest)
                for record in read_records(path):
                    sentences = decode_sentences(record)
                    yield sentences
                    size = len("".join(sentences).encode())
                    self.text_bytes += size
                    advance(size)
                    if self.text_bytes >= self._max_bytes:
                        return


def sample_text(folder: str, documents: Manifest, max_bytes: int) -> TextSample:
    """Return the sample of the train split."""
    shards = documents.shards[SAMPLED_SPLIT]
    counts = documents.counts.get(SAMPLED_SPLIT, {})
    digests = {storage.join(folder, shard.path): shard.sha256 for shard in shards}
    return TextSample(digests, max_bytes, counts.get("text_bytes", max_bytes))
