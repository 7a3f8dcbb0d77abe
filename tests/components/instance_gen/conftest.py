"""Provide one real corpus and vocabulary to all tests of InstanceGen."""

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
    """Return the folder of a vocabulary artifact."""
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary"))


@pytest.fixture(scope="session")
def vocabulary(vocabulary_folder: Path) -> Vocabulary:
    """Return the vocabulary in that folder."""
    return load_vocabulary(str(vocabulary_folder))


@pytest.fixture(scope="session")
def documents_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 79 documents: two shards for training and one held out."""
    documents = real_documents()
    splits = {"train": [documents[:40], documents[40:70]], "eval": [documents[70:]]}
    return write_documents(tmp_path_factory.mktemp("documents"), splits)


@pytest.fixture(scope="session")
def corpus(documents_folder: Path, vocabulary: Vocabulary) -> TokenizedDocuments:
    """Return the first shard, tokenized."""
    path = documents_folder / "Split-train" / "documents-00000-of-00002.tfrecord.gz"
    return read_documents(str(path), ChunkTokenizer(vocabulary.tokenizer()))
