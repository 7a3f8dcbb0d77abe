"""Documents to a fair sample of their text, as large as is asked for."""

from collections.abc import Iterator

from components.records import check_records, read_records
from components.text_example_gen.documents.document_record import decode_sentences
from core import storage
from core.manifest import Manifest

SAMPLED_SPLIT = "train"  # the eval split has no say in the vocabulary


class TextSample:
    """The train split's documents, from the first on, up to a number of bytes.

    Documents lie in the order of a hash of their content, so that the first of them are a fair
    sample of all. Iterating reads again.

    Attributes:
        text_bytes: of the documents that the last iteration gave.
    """

    def __init__(self, folder: str, documents: Manifest, max_bytes: int) -> None:
        shards = documents.shards[SAMPLED_SPLIT]
        self._digests = {storage.join(folder, shard.path): shard.sha256 for shard in shards}
        self._max_bytes = max_bytes
        self.text_bytes = 0

    def __iter__(self) -> Iterator[list[str]]:
        """The sentences of each document."""
        self.text_bytes = 0
        for path, digest in self._digests.items():
            check_records(path, digest)
            for record in read_records(path):
                sentences = decode_sentences(record)
                yield sentences
                self.text_bytes += sum(len(sentence.encode()) for sentence in sentences)
                if self.text_bytes >= self._max_bytes:
                    return
