"""The signatures that take text answer as `transformers` does, without a tokenizer beside them."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf import saved_model_pb2

from components.settings import VocabularySettings
from components.vocabulary_gen.count_sample import count_words
from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.training.train_unigram import train_unigram
from components.vocabulary_gen.writing.write_vocabulary import write_vocabulary
from core.file_names import TRANSFORMERS_FOLDER
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from tests.real_text import ENGLISH, KOREAN
from tests.small_pieces import write_small_pieces
from tests.trainer.conftest import settings_in
from tests.transformers_scripts import run_script
from trainer.export.serving import DEFAULT_TOP_K, save_serving_model
from trainer.export.stable_graph import GRAPH
from trainer.huggingface.config import GENERATOR_FOLDER
from trainer.huggingface.write import write_transformers_folders
from trainer.models.architecture import resolve_architecture
from trainer.models.families import build_model
from trainer.models.parameters import first_values

K = 4
TEXTS = [
    "The [MASK] is bound in the [MASK].",
    "[MASK] of a class",
    "a[MASK]b ([MASK])!",
    "모든 [MASK]은 자유롭다.",
    "[MASK]",
    "  x [MASK] [MASK]  y ",
    "[MASK][MASK]ing",
    "Ünïcödé [MASK]",
]
# Runs where none of our packages, and no tokenizer, can be imported.
CLIENT = """
import importlib.abc, json, sys

class Blocked(importlib.abc.MetaPathFinder):
    names = {"core", "trainer", "components", "pipelines", "tokenizers", "transformers",
             "sentencepiece", "tfx"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
import tensorflow as tf
import tensorflow_text

def plain(value):
    return value.decode() if isinstance(value, bytes) else [plain(v) for v in value] if isinstance(
        value, list) else value

k, texts, *folders = sys.argv[1:]
k, texts = tf.constant(int(k)), tf.constant(json.loads(texts))
for folder in folders:
    model = tf.saved_model.load(folder)
    answers = {"fill_mask_text": model.signatures["fill_mask_text"](text=texts, k=k)}
    if "find_replaced" in model.signatures:
        answers["find_replaced"] = model.signatures["find_replaced"](text=texts)
    answers["default"] = model.fill_mask_text(texts)
    answers = {s: {n: plain(v.numpy().tolist()) for n, v in a.items()} for s, a in answers.items()}
    print(json.dumps(answers))
"""


@dataclass(frozen=True)
class Exported:
    """A model with random weights, and what a client without our code got from it."""

    folder: Path
    vocabulary: Vocabulary
    answers: dict[str, dict[str, Any]]


def export(root: Path, kind: str, vocabulary: Vocabulary) -> Path:
    """Export a model with random weights; return its folder."""
    settings = settings_in(root, {"type": kind, "num_layers": 2})
    architecture = resolve_architecture(
        settings.model, vocab_size=vocabulary.size, pad_id=vocabulary.pad_id
    )
    model = build_model(architecture)
    rng = np.random.default_rng(1)
    first = first_values(model.parameters(), deviation=0.2, seed=1)
    values = {n: v + rng.normal(0, 0.05, v.shape).astype(np.float32) for n, v in first.items()}
    folder = root / "model"
    save_serving_model(str(folder), model, values, vocabulary, pair=None)
    write_transformers_folders(str(folder), architecture, values, vocabulary)
    return folder


def ask_client(folders: list[Path]) -> list[dict[str, dict[str, Any]]]:
    """Return what a client without our code gets from each model."""
    command = [sys.executable, "-I", "-c", CLIENT, str(K), json.dumps(TEXTS), *map(str, folders)]
    done = subprocess.run(command, cwd=folders[0], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()[-len(folders) :]]


@pytest.fixture(scope="module")
def exported(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """Return a model of each type, and an ALBERT whose pieces were imported."""
    trained, theirs, imported = (tmp_path_factory.mktemp(n) for n in ("trained", "theirs", "ours"))
    settings = VocabularySettings(kind="sentencepiece", size=2500, lowercase=True)
    write_vocabulary(train_unigram(count_words(ENGLISH + KOREAN, settings), settings), str(trained))
    spiece = write_small_pieces(theirs / "spiece")
    write_vocabulary(import_vocabulary(str(spiece), "sentencepiece"), str(imported))
    wordpiece = f"{static_folder}/vocabulary"
    sources = {
        "bert": ("bert", wordpiece),
        "albert": ("albert", trained),
        "imported": ("albert", imported),
        "electra": ("electra", wordpiece),
    }
    vocabularies = {name: load_vocabulary(str(folder)) for name, (_, folder) in sources.items()}
    folders = {
        name: export(tmp_path_factory.mktemp(name), kind, vocabularies[name])
        for name, (kind, _) in sources.items()
    }
    answers = dict(zip(folders, ask_client([*folders.values()]), strict=True))
    return {name: Exported(folders[name], vocabularies[name], answers[name]) for name in sources}


@pytest.fixture(scope="module")
def theirs(
    exported: dict[str, Exported],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[Any]]:
    """Return what `transformers` answers, by model, and for ELECTRA's discriminator."""
    folders = {name: each.folder / TRANSFORMERS_FOLDER for name, each in exported.items()}
    discriminator = folders["electra"]
    folders["electra"] = exported["electra"].folder / GENERATOR_FOLDER
    jobs = {name: ("fill-mask", folder) for name, folder in folders.items()}
    jobs["discriminator"] = ("find-replaced", discriminator)
    content = [
        {"task": task, "folder": str(folder), "texts": TEXTS, "k": K}
        for task, folder in jobs.values()
    ]
    scratch = tmp_path_factory.mktemp("jobs")
    (scratch / "jobs.json").write_text(json.dumps(content), encoding="utf-8")
    script = Path(__file__).with_name("transformers_fill_mask.py")
    printed = run_script(script, "jobs.json", folder=scratch)
    return dict(zip(jobs, map(json.loads, printed.splitlines()), strict=True))


@pytest.mark.transformers
@pytest.mark.parametrize("name", ["bert", "albert", "imported", "electra"])
def test_best_tokens_and_scores_are_those_of_fill_mask(
    name: str, exported: dict[str, Exported], theirs: dict[str, list[Any]]
) -> None:
    ours, tokens = exported[name].answers["fill_mask_text"], exported[name].vocabulary.tokens
    assert ours["num_masks"] == [text.count("[MASK]") for text in TEXTS]
    for row, guesses in enumerate(theirs[name]):
        for mask, guess in enumerate(guesses):
            ids = [number for number, _ in guess]
            assert ours["token_ids"][row][mask] == ids, TEXTS[row]
            assert ours["tokens"][row][mask] == [tokens[number] for number in ids]
            np.testing.assert_allclose(
                ours["scores"][row][mask], [score for _, score in guess], rtol=1e-3
            )


@pytest.mark.transformers
def test_scores_of_replaced_tokens_are_those_of_the_discriminator(
    exported: dict[str, Exported], theirs: dict[str, list[Any]]
) -> None:
    ours = exported["electra"].answers["find_replaced"]
    for row, scores in enumerate(theirs["discriminator"]):
        np.testing.assert_allclose(ours["scores"][row][: len(scores)], scores, atol=1e-4)
        assert sum(ours["input_mask"][row]) == len(scores)
        assert ours["tokens"][row][len(scores) :] == [""] * ours["input_mask"][row].count(0)
        assert set(ours["scores"][row][len(scores) :]) <= {0.0}


@pytest.mark.parametrize("name", ["bert", "albert", "imported"])
def test_encode_keeps_a_mask_whole(name: str, exported: dict[str, Exported]) -> None:
    vocabulary = exported[name].vocabulary
    loaded = tf.saved_model.load(str(exported[name].folder))
    ids = loaded.signatures["encode"](text=tf.constant(["a [MASK] b", "[mask] [SEP]"]))["input_ids"]
    assert ids.numpy()[0].tolist().count(vocabulary.mask_id) == 1
    # Other spellings and the names of other specials are ordinary text.
    assert not {vocabulary.mask_id} & set(ids.numpy()[1].tolist())
    assert ids.numpy()[1].tolist().count(vocabulary.sep_id) == 1


def test_k_has_a_default_and_at_most_the_whole_vocabulary_is_returned(
    exported: dict[str, Exported],
) -> None:
    """TensorFlow Serving reads defaults from the signature; in Python the function has one."""
    one = exported["bert"]
    graph = saved_model_pb2.SavedModel.FromString((one.folder / GRAPH).read_bytes())
    signature = graph.meta_graphs[0].signature_def["fill_mask_text"]
    assert MessageToDict(signature.defaults["k"])["intVal"] == [DEFAULT_TOP_K]
    assert len(one.answers["default"]["tokens"][0][0]) == DEFAULT_TOP_K
    fill = tf.saved_model.load(str(one.folder)).signatures["fill_mask_text"]
    everything = fill(text=tf.constant(["[MASK]"]), k=tf.constant(10**6))
    assert everything["tokens"].shape == (1, 1, one.vocabulary.size)
    assert float(tf.reduce_sum(everything["scores"])) == pytest.approx(1, abs=1e-4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be at least 1"):
        fill(text=tf.constant(["[MASK]"]), k=tf.constant(0))


def test_rows_with_fewer_masks_are_filled_up(exported: dict[str, Exported]) -> None:
    fill = tf.saved_model.load(str(exported["bert"].folder)).signatures["fill_mask_text"]
    texts = ["[MASK] [MASK]", "no mask at all", "a " * 100 + "[MASK]", ""]
    answer = fill(text=tf.constant(texts), k=tf.constant(3))
    assert answer["num_masks"].numpy().tolist() == [2, 0, 0, 0]  # the third was truncated
    assert answer["tokens"].shape == (4, 2, 3)
    assert set(answer["tokens"].numpy()[1:].ravel()) == {b""}
    assert set(answer["token_ids"].numpy()[1:].ravel()) == {-1}
    assert set(answer["scores"].numpy()[1:].ravel()) == {0}
    nothing = fill(text=tf.constant(["", "no mask"]), k=tf.constant(3))
    assert nothing["tokens"].shape == (2, 0, 3)


def test_only_electra_finds_replaced_tokens(exported: dict[str, Exported]) -> None:
    assert [name for name, each in exported.items() if "find_replaced" in each.answers] == [
        "electra"
    ]
