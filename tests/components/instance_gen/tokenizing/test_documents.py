"""The cache of chunks does not change ids, and empty sentences and documents are counted."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from components.instance_gen.tokenizing.chunk_tokenizer import ChunkTokenizer, find_divider
from components.instance_gen.tokenizing.documents import concatenate, read_documents
from core.vocabulary.vocabulary import Vocabulary
from tests.components.instance_gen.folders import (
    document_id,
    real_documents,
    trained_entries,
    write_documents,
)

HOSTILE = [
    "tab\tand  two spaces",
    " leading and trailing ",
    "no\u00a0break\u3000space\u2003em",
    "control\x0bvertical\x1cseparator\x85next\u200bline",
    "composing =\u0338 and <\x01\u0338 and (\u0301) and !\u0338x",
    "combining e\u0301 and lone \u0301 after a space",
    "ΣΑΣ final sigma ΟΔΟΣ.",
    "İstanbul STRASSE ﬁ",
    "漢字かな交じり文 한국어 문장입니다",
    "[MASK] [CLS][SEP] literal",
    "a" * 101 + " " + "b" * 100,
    "?!...--(x)[y]{z}",
    "\U0001f600 emoji \ufffd replacement",
    "",
    " ",
]

TRICKY = 'aBz9 .,=<>("-\t\x01\u0301\u0338\u200b한어漢é'  # drawn more often than other characters


def ids_of(tokenizer: ChunkTokenizer, texts: list[str]) -> list[list[int]]:
    ids, offsets = tokenizer.encode(pa.array(texts, pa.large_string()))
    return [ids[a:b].tolist() for a, b in itertools.pairwise(offsets)]


def test_chunks_give_the_ids_of_whole_sentences(vocabulary: Vocabulary) -> None:
    whole = vocabulary.tokenizer()
    texts = [s for d in real_documents() for s in d]
    expected = [e.ids for e in whole.encode_batch(texts, add_special_tokens=False)]
    tokenizer = ChunkTokenizer(vocabulary.tokenizer())
    assert ids_of(tokenizer, texts) == expected
    assert ids_of(tokenizer, texts) == expected  # from the cache


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_gives_the_ids_of_the_tokenizer(vocabulary: Vocabulary, text: str) -> None:
    expected = vocabulary.tokenizer().encode(text, add_special_tokens=False).ids
    assert ids_of(ChunkTokenizer(vocabulary.tokenizer()), [text]) == [expected]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"]))))
)
def test_any_text_gives_the_ids_of_the_tokenizer(vocabulary: Vocabulary, texts: list[str]) -> None:
    texts = [text.replace("\n", "") for text in texts]
    encodings = vocabulary.tokenizer().encode_batch(texts, add_special_tokens=False)
    tokenizer = ChunkTokenizer(vocabulary.tokenizer())
    assert ids_of(tokenizer, texts) == [encoding.ids for encoding in encodings]


def test_an_unknown_tokenizer_gets_whole_sentences(vocabulary: Vocabulary) -> None:
    tokenizer = vocabulary.tokenizer()
    assert find_divider(tokenizer)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    assert not find_divider(tokenizer)
    expected = tokenizer.encode("two words", add_special_tokens=False).ids
    assert ids_of(ChunkTokenizer(tokenizer), ["two words"]) == [expected]


def test_documents_and_sentences_keep_their_order(tmp_path: Path, vocabulary: Vocabulary) -> None:
    documents = [["The first.", "\u200b", "The second one."], ["\u200b"], ["Third."]]
    folder = write_documents(tmp_path, {"train": [documents]})
    path = folder / "Split-train" / "documents-00000-of-00001.tfrecord.gz"
    corpus = read_documents(str(path), ChunkTokenizer(vocabulary.tokenizer()))
    text = ["".join(vocabulary.tokens[i] for i in part) for part in split(corpus.ids, corpus)]
    assert [t.replace("##", "") for t in text] == ["thefirst.", "thesecondone.", "third."]
    assert corpus.document_offsets.tolist() == [0, 2, 3]
    assert corpus.document_ids == [document_id(d).encode() for d in (documents[0], documents[2])]
    assert corpus.skipped == {"empty_sentences": 2, "empty_documents": 1}


def split(ids: np.ndarray, corpus: object) -> list[np.ndarray]:
    return np.split(ids, corpus.sentence_offsets[1:-1])  # type: ignore[attr-defined]


def test_shards_join_to_one_corpus(tmp_path: Path, vocabulary: Vocabulary) -> None:
    documents = real_documents()[:10]
    tokenizer = ChunkTokenizer(vocabulary.tokenizer())
    parts = write_documents(tmp_path / "two", {"train": [documents[:4], documents[4:]]})
    whole = write_documents(tmp_path / "one", {"train": [documents]})
    joined = concatenate([read_documents(str(p), tokenizer) for p in sorted(parts.glob("*/*.gz"))])
    (path,) = whole.glob("*/*.gz")
    expected = read_documents(str(path), tokenizer)
    for name in ("ids", "sentence_offsets", "document_offsets"):
        assert np.array_equal(getattr(joined, name), getattr(expected, name)), name
    assert joined.document_ids == expected.document_ids


def test_the_test_vocabulary_has_continuation_pieces(vocabulary: Vocabulary) -> None:
    assert vocabulary.continuation.sum() > 100
    assert len(trained_entries()) == vocabulary.size
