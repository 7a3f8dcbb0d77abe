"""One real corpus and vocabulary for all tests of InstanceGen."""

from pathlib import Path

import pytest

from components.instance_gen.tokenizing.chunk_tokenizer import ChunkTokenizer
from components.instance_gen.tokenizing.documents import TokenizedDocuments, read_documents
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from tests.components.instance_gen.folders import (
    real_documents,
    write_documents,
    write_vocabulary,
)


@pytest.fixture(scope="session")
def vocabulary_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary artifact."""
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary"))


@pytest.fixture(scope="session")
def vocabulary(vocabulary_folder: Path) -> Vocabulary:
    """The vocabulary in it."""
    return load_vocabulary(str(vocabulary_folder))


@pytest.fixture(scope="session")
def documents_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A documents artifact: 79 documents, two shards to train on and one held out."""
    documents = real_documents()
    splits = {"train": [documents[:40], documents[40:70]], "eval": [documents[70:]]}
    return write_documents(tmp_path_factory.mktemp("documents"), splits)


@pytest.fixture(scope="session")
def corpus(documents_folder: Path, vocabulary: Vocabulary) -> TokenizedDocuments:
    """The first shard, tokenised."""
    path = documents_folder / "Split-train" / "documents-00000-of-00002.tfrecord.gz"
    return read_documents(str(path), ChunkTokenizer(vocabulary.tokenizer()))
