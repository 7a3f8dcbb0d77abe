"""Fine-tuning computes what PyTorch computes, learns, and repeats to the bit."""

from pathlib import Path

import numpy as np
import pytest

from core.vocabulary.vocabulary import load_vocabulary
from tests.small_model import write_small_model
from tests.transformers_scripts import run_script
from trainer.downstream.examples import Encoded, Examples, encode
from trainer.downstream.fine_tuning import FineTuner
from trainer.huggingface.read import read_model
from trainer.settings.fine_tuning import FineTuningSettings

SCRIPT = Path(__file__).with_name("torch_fine_tuning.py")
WORDS = {1: ["good", "fine", "warm"], 0: ["bad", "dull", "cold"]}
EXACT = {"hidden_dropout": 0.0, "attention_dropout": 0.0}


def sentences(count: int) -> Examples:
    rng = np.random.default_rng(count)
    labels = [int(label) for label in rng.integers(0, 2, count)]
    texts = [(f"the film was {rng.choice(WORDS[label])} and a book",) for label in labels]
    return Examples(tuple(texts), tuple((label,) for label in labels))


def tagged(count: int) -> Examples:
    rng = np.random.default_rng(count)
    texts, labels = [], []
    for _ in range(count):
        words = [str(rng.choice(WORDS[0] + ["films", "books"])) for _ in range(5)]
        texts.append((tuple(words),))
        labels.append(tuple(int(word.endswith("s")) for word in words))
    return Examples(tuple(texts), tuple(labels))


def make_tuner(folder: str, encoded: Encoded, per_word: bool, **settings: object) -> FineTuner:
    architecture, _ = read_model(folder)
    settings = {"device": "cpu", "batch_size": 8, **settings}
    own = FineTuningSettings(**settings)
    return FineTuner(architecture, encoded, 2, per_word=per_word, settings=own)


@pytest.mark.transformers
@pytest.mark.parametrize(
    ("kind", "class_name"),
    [
        ("bert", "BertForSequenceClassification"),
        ("albert", "AlbertForSequenceClassification"),
        ("electra", "ElectraForTokenClassification"),
    ],
)
def test_a_step_is_that_of_pytorch(kind: str, class_name: str, tmp_path: Path) -> None:
    folder = write_small_model(tmp_path, kind, **EXACT)
    per_word = "Token" in class_name
    examples = (tagged if per_word else sentences)(8)
    encoded = encode(examples, load_vocabulary(folder), 16)
    tuner = make_tuner(folder, encoded, per_word, epochs=1, learning_rate=3e-3)
    head = tuner._random_values(5)
    given = {name: head[name] for name in ("classifier.weight", "classifier.bias")}
    np.savez(tmp_path / "given.npz", rate=3e-3, **given, **encoded.arrays)
    run_script(SCRIPT, "given.npz", class_name, folder, folder=tmp_path)
    theirs = np.load(tmp_path / f"{class_name}.npz")
    before = read_model(folder)[1]
    tuner.run(before, 5, folder)  # eight examples make one batch, in another order
    assert tuner.state.steps_done() == 1
    for name, value in tuner.state.values().items():
        np.testing.assert_allclose(value, theirs[name], atol=3e-5, err_msg=name)
        assert name in given or np.abs(value - before[name]).max() > 0


def test_it_learns_and_repeats(tmp_path: Path) -> None:
    folder = write_small_model(tmp_path)
    vocabulary = load_vocabulary(folder)
    train, held_out = (encode(sentences(n), vocabulary, 16) for n in (64, 40))
    tuner = make_tuner(folder, train, False, epochs=5, learning_rate=3e-3)
    values = read_model(folder)[1]
    tuner.run(values, 1, folder)
    first, predicted = tuner.state.values(), tuner.predict(held_out)
    assert (predicted == held_out.labels).mean() > 0.95
    tuner.run(values, 2, folder)
    other = tuner.state.values()
    tuner.run(values, 1, folder)
    again = tuner.state.values()
    assert all((again[name] == first[name]).all() for name in first)
    assert any((other[name] != first[name]).any() for name in first)


def test_words_are_labeled_at_their_first_piece(tmp_path: Path) -> None:
    vocabulary = load_vocabulary(write_small_model(tmp_path))
    examples = Examples(((("films", "good", "xyz"),),), ((1, 0, 1),))
    encoded = encode(examples, vocabulary, 16)
    tokens = [vocabulary.tokens[n] for n in encoded.arrays["input_ids"][0]]
    assert tokens[:6] == ["[CLS]", "film", "##s", "good", "[UNK]", "[SEP]"]
    assert encoded.arrays["task_labels"][0, :6].tolist() == [-1, 1, -1, 0, 1, -1]
    cut = encode(examples, vocabulary, 4)
    assert cut.cut == 1
    assert cut.labels.tolist() == [1]  # "good" and "xyz" are beyond the end


def test_a_long_pair_loses_tokens_of_the_longer_text(tmp_path: Path) -> None:
    vocabulary = load_vocabulary(write_small_model(tmp_path))
    pair = Examples((("the film was good", "a book"),), ((1,),))
    encoded = encode(pair, vocabulary, 8)
    tokens = [vocabulary.tokens[n] for n in encoded.arrays["input_ids"][0]]
    assert tokens == ["[CLS]", "the", "film", "was", "[SEP]", "a", "book", "[SEP]"]
    assert encoded.arrays["segment_ids"][0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert encoded.cut == 1
