"""SentencePiece gives the same ids for chunks and for sentences."""

import functools
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers, pre_tokenizers

from components.instance_gen.tokenizing import chunk_tokenizer
from components.instance_gen.tokenizing.chunk_tokenizer import (
    ChunkTokenizer,
    divide_at_spaces,
    find_divider,
)
from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.writing.write_vocabulary import write_vocabulary
from core.vocabulary.vocabulary import load_vocabulary
from tests.components.instance_gen.pieces import CHINESE, JAPANESE, TEXT, train_pieces
from tests.components.instance_gen.tokenizing.test_documents import HOSTILE, ids_of
from tests.real_text import ENGLISH, KOREAN
from tests.small_pieces import write_small_pieces

KINDS = ["trained", "split", "albert", "accents"]
PIECEY = " \u2581``''´¨\u0340\u0301\u0600\x85\xa0\u3000\u200b\u200d\ufeff"
ODD = [*HOSTILE, "a\x85 b", "a \u0340\u0301b", "\u0600 a", "\u2581 x \u2581", "x\u200d \u0301y´ z"]
characters = st.one_of(
    st.sampled_from("aBz9 .,<(-é한국어漢か데비안은" + PIECEY),
    st.characters(exclude_categories=["Cs"]),
)


def import_pieces(folder: Path, keep_accents: bool) -> Tokenizer:
    """Import a tokenizer with ALBERT's normalizer and SentencePiece's compiled table."""
    sentences = [sentence for document in TEXT for sentence in document]
    write_small_pieces(folder / "albert", sentences=sentences, size=3000)
    config = json.dumps({"keep_accents": keep_accents})
    (folder / "albert" / "tokenizer_config.json").write_text(config, encoding="utf-8")
    write_vocabulary(import_vocabulary(str(folder / "albert"), "sentencepiece"), str(folder))
    return load_vocabulary(str(folder)).tokenizer()


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Tokenizer]]:
    folders = {name: tmp_path_factory.mktemp(name) for name in KINDS}
    trained = {
        name: train_pieces(folders[name], "sentencepiece", split_cjk=name == "split").tokenizer()
        for name in KINDS[:2]
    }
    imported = {name: import_pieces(folders[name], name == "accents") for name in KINDS[2:]}
    with pytest.MonkeyPatch.context() as patch:  # it parses the whole vocabulary
        patch.setattr(chunk_tokenizer, "find_divider", functools.cache(find_divider))
        yield trained | imported


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_of_real_text_give_the_ids_of_sentences(
    tokenizers: dict[str, Tokenizer], kind: str
) -> None:
    texts = [s for document in [*ENGLISH, *KOREAN, JAPANESE, CHINESE] for s in document] + ODD
    expected = [code.ids for code in tokenizers[kind].encode_batch(texts)]
    chunked = ChunkTokenizer(tokenizers[kind])
    assert find_divider(tokenizers[kind]) is divide_at_spaces
    assert ids_of(chunked, texts) == expected
    assert ids_of(chunked, texts) == expected  # from the cache


@settings(max_examples=2500, deadline=None)
@given(st.lists(st.text(characters), max_size=4), st.sampled_from(KINDS))
def test_any_text_gives_the_ids_of_the_tokenizer(
    tokenizers: dict[str, Tokenizer], texts: list[str], kind: str
) -> None:
    expected = [code.ids for code in tokenizers[kind].encode_batch(texts)]
    assert ids_of(ChunkTokenizer(tokenizers[kind]), texts) == expected


@given(st.lists(st.text(st.sampled_from("ab \u3000한")), max_size=6))
def test_no_byte_is_lost_and_chunks_begin_with_their_space(texts: list[str]) -> None:
    chunks, first = divide_at_spaces(pa.array(texts, pa.large_string()))
    parts = [chunks.to_pylist()[a:b] for a, b in itertools.pairwise(first.tolist())]
    assert ["".join(part) for part in parts] == texts
    assert all(
        chunk.rfind(" ") <= 0
        for part, text in zip(parts, texts, strict=True)
        for chunk in part
        if "\u3000" not in text
    )


@pytest.mark.parametrize("change", ["first", "whole", "spaces kept", "pattern"])
def test_tokenizers_that_need_context_get_whole_sentences(
    tokenizers: dict[str, Tokenizer], change: str
) -> None:
    tokenizer = Tokenizer.from_str(tokenizers["trained"].to_str())
    if change == "first":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    elif change == "whole":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    elif change == "spaces kept":
        tokenizer.normalizer = normalizers.NFC()
    else:
        joined = normalizers.Replace("of the", "of_the")
        tokenizer.normalizer = normalizers.Sequence([joined, tokenizer.normalizer])
    assert find_divider(tokenizer) is None
    texts = ["one of the  words", " two", ""]
    assert ids_of(ChunkTokenizer(tokenizer), texts) == [tokenizer.encode(t).ids for t in texts]
