"""The graph's tokenizer gives the ids of the `tokenizers` library."""

from pathlib import Path

import pytest
import tensorflow as tf

from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from tests.small_vocabulary import SPECIALS, write_small_vocabulary
from tests.trainer.real_instances import KOREAN, read_documents
from trainer.export.text_to_ids import TextToIds


@pytest.fixture(scope="module")
def vocabulary(static_folder: str) -> Vocabulary:
    return load_vocabulary(f"{static_folder}/vocabulary")


@pytest.mark.parametrize(
    "texts",
    [
        [sentence for document in read_documents() for sentence in document],
        [*KOREAN, "\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165 한국어"],
        ["Ünïcödé NAÏVE Café cafe\u0301 ΑΣ ΟΔΟΣ İstanbul Straße ﬁ"],
        ["漢字かな交じり文です。𠀀𪜀", "a\u200bb\x07c\x00d\ufffd e\u00a0f\u2003g\u3000h\u2028i"],
        ["x" * 100, "x" * 101, "가" * 100, "가" * 101, "don't (stop) [SEP] ##ing €5 ¿qué?"],
        ["", " ", "\t\n", "."],
    ],
    ids=["English", "Korean", "accents", "odd characters", "long words", "nothing"],
)
def test_ids_are_those_of_the_tokenizers_library(vocabulary: Vocabulary, texts: list[str]) -> None:
    pieces = TextToIds(vocabulary, 64).pieces(tf.constant(texts)).to_list()
    assert pieces == [e.ids for e in vocabulary.tokenizer().encode_batch(texts)]


def test_long_text_is_truncated_and_short_text_padded(vocabulary: Vocabulary) -> None:
    ids, mask, segments = TextToIds(vocabulary, 8).inputs(tf.constant(["the " * 20, "the"]))
    assert ids.shape == segments.shape == (2, 8)
    assert ids[0, 0] == ids[1, 0] == vocabulary.cls_id
    assert ids[0, 7] == ids[1, 2] == vocabulary.sep_id
    assert mask.numpy().tolist() == [[1] * 8, [1, 1, 1, 0, 0, 0, 0, 0]]
    assert set(ids[1, 3:].numpy()) == {vocabulary.pad_id}


def test_capitals_are_lowercased_one_by_one_as_in_the_library(tmp_path: Path) -> None:
    """A whole-word rule would turn the last letter of ΟΔΟΣ into a final sigma."""
    entries = [*SPECIALS, "ο", "##δ", "##ο", "##σ", "##ς", "i", "##̇"]
    vocabulary = load_vocabulary(str(write_small_vocabulary(tmp_path, entries)))
    texts = ["ΟΔΟΣ", "ΟΣ Ο", "İ"]
    pieces = TextToIds(vocabulary, 64).pieces(tf.constant(texts)).to_list()
    assert pieces == [e.ids for e in vocabulary.tokenizer().encode_batch(texts)]
    assert pieces[0] == [5, 6, 7, 8]
