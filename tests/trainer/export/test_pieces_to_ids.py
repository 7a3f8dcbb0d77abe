"""The graph gives the ids of tokenizer.json for SentencePiece too, after saving and loading."""

from pathlib import Path

import pytest
import tensorflow as tf

from components.settings import VocabularySettings
from components.vocabulary_gen.count_sample import count_words
from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.training.train_unigram import train_unigram
from components.vocabulary_gen.writing.write_vocabulary import write_vocabulary
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from tests.real_text import ENGLISH, KOREAN
from tests.small_pieces import write_small_pieces
from trainer.export.text_to_ids import TextToIds

SENTENCES = [s for document in ENGLISH[:60] + KOREAN for s in document]
ODD = ["", " ", "\t\n", " a  b ", "[SEP] <pad> \u2581x\u2581", "漢字かな交じり文です。", "x" * 300]
ODD += ["Ünïcödé NAÏVE cafe\u0301 İstanbul Straße", "a\u200bb\x07c\ufffd e\u00a0f\u3000h\u2028i"]
ODD += ["\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165 한국어", "``quoted''"]


def trained(folder: Path, *, lowercase: bool) -> Vocabulary:
    settings = VocabularySettings(kind="sentencepiece", size=2500, lowercase=lowercase)
    write_vocabulary(train_unigram(count_words(ENGLISH + KOREAN, settings), settings), str(folder))
    return load_vocabulary(str(folder))


@pytest.mark.parametrize("lowercase", [True, False], ids=["uncased", "cased"])
def test_ids_are_those_of_the_tokenizers_library(tmp_path: Path, lowercase: bool) -> None:
    vocabulary = trained(tmp_path, lowercase=lowercase)
    texts = SENTENCES + ODD
    pieces = TextToIds(vocabulary, 64).pieces(tf.constant(texts)).to_list()
    assert pieces == [e.ids for e in vocabulary.tokenizer().encode_batch(texts)]


def test_ids_of_an_imported_albert_are_those_of_the_tokenizers_library(tmp_path: Path) -> None:
    spiece = write_small_pieces(tmp_path / "theirs", user_defined_symbols=["(", ")", '"', "."])
    write_vocabulary(import_vocabulary(str(spiece), "sentencepiece"), str(tmp_path / "ours"))
    vocabulary = load_vocabulary(str(tmp_path / "ours"))
    texts = [s for document in ENGLISH[:60] for s in document] + ["``Quoted'' NAÏVE", " a  b "]
    pieces = TextToIds(vocabulary, 64).pieces(tf.constant(texts)).to_list()
    assert pieces == [e.ids for e in vocabulary.tokenizer().encode_batch(texts)]


def test_a_saved_model_includes_its_pieces(tmp_path: Path) -> None:
    vocabulary = trained(tmp_path / "vocabulary", lowercase=True)
    module = tf.Module()
    module.text_to_ids = TextToIds(vocabulary, 16)
    module.inputs = tf.function(
        module.text_to_ids.inputs,
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    expected = module.inputs(tf.constant(["데비안은 자유롭다.", "The statement"]))
    tf.saved_model.save(module, str(tmp_path / "saved"))
    (tmp_path / "vocabulary" / "spiece.model").unlink()
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    actual = loaded.inputs(tf.constant(["데비안은 자유롭다.", "The statement"]))
    for ours, theirs in zip(expected, actual, strict=True):
        tf.debugging.assert_equal(ours, theirs)
    assert actual[0][0, 0] == vocabulary.cls_id
