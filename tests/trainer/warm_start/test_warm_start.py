"""Training continues from an earlier model's weights, shape and vocabulary."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from core.errors import InputError
from pipelines.create_pipeline import create_pipeline
from pipelines.recipe.file import load_recipe
from pipelines.run_environment import Locations
from tests.small_pieces import write_small_pieces
from tests.small_vocabulary import write_small_vocabulary
from tests.trainer.conftest import MakeSettings, settings_in
from tests.trainer.training_tools import new_state, start_from
from trainer.export.export import export_model
from trainer.input.instances import open_instances
from trainer.objectives.choose import choose_objective
from trainer.warm_start.digests import start_digest
from trainer.warm_start.start import WarmStartError, check_start_vocabulary

KINDS = ("bert", "albert", "electra")
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def trained(
    static_folder: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, Arrays]]:
    """Return an exported model of each type, and its weights."""
    made = {}
    for kind in KINDS:
        root = tmp_path_factory.mktemp(kind)
        settings = settings_in(root, {"type": kind})
        instances = open_instances(static_folder)
        values = new_state(settings, static_folder).values()
        values = {name: value + np.float32(0.01) for name, value in values.items()}
        model = choose_objective(settings.model, instances).model
        export_model(str(root), model, values, instances, {})
        made[kind] = root, values
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_comes_from_the_folder(
    kind: str,
    trained: dict[str, tuple[Path, Arrays]],
    static_folder: str,
    make_settings: MakeSettings,
) -> None:
    folder, values = trained[kind]
    started = start_from(make_settings, static_folder, folder, type=kind)
    assert started.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(started[name], value, name)


def test_a_bare_encoder_gets_random_heads(
    trained: dict[str, tuple[Path, Arrays]],
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
) -> None:
    source = trained["bert"][0] / "transformers"
    values = safetensors.numpy.load_file(source / "model.safetensors")
    bare = {n.removeprefix("bert."): v for n, v in values.items() if n.startswith("bert.")}
    bare["embeddings.position_ids"] = np.arange(64)
    safetensors.numpy.save_file(bare, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((source / "config.json").read_bytes())
    started = start_from(make_settings, static_folder, tmp_path)
    name = "bert.encoder.layer.0.output.dense.weight"
    np.testing.assert_array_equal(started[name], values[name])
    assert not started["cls.predictions.bias"].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 48}, "its hidden_size is 32, and model.hidden_size says 48"),
        ({"type": "albert"}, "its type is bert, and model.type says albert"),
    ],
)
def test_settings_that_contradict_the_folder_are_refused(
    change: dict[str, object],
    message: str,
    trained: dict[str, tuple[Path, Arrays]],
    static_folder: str,
    make_settings: MakeSettings,
) -> None:
    with pytest.raises(WarmStartError, match=message):
        start_from(make_settings, static_folder, trained["bert"][0], **change)


def test_another_vocabulary_is_refused_before_any_work(
    trained: dict[str, tuple[Path, Arrays]], tmp_path: Path
) -> None:
    folder = str(trained["bert"][0])
    check_start_vocabulary(folder, folder)
    check_start_vocabulary(folder, f"{folder}/transformers")
    remedy = re.escape(f"Set vocabulary.import_from to {folder}.")
    with pytest.raises(WarmStartError, match=f"trained on the text does not fit.*{remedy}"):
        check_start_vocabulary(folder, None)
    other = write_small_vocabulary(tmp_path / "other")
    with pytest.raises(WarmStartError, match=f"other/vocab.txt: its tokens are not.*{remedy}"):
        check_start_vocabulary(folder, str(other))


def swap_two_words(folder: Path) -> None:
    tokens = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    tokens[100], tokens[101] = tokens[101], tokens[100]
    (folder / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")


def swap_two_words_of_tokenizer_json(folder: Path) -> None:
    """Write only tokenizer.json, as newer versions of `transformers` do."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocab = tokenizer["model"]["vocab"]
    first, second = [token for token, n in vocab.items() if n in (100, 101)]
    vocab[first], vocab[second] = vocab[second], vocab[first]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "vocab.txt").unlink()


def put_pieces_for_words(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    write_small_pieces(folder)


@pytest.mark.parametrize(
    "change", [swap_two_words, swap_two_words_of_tokenizer_json, put_pieces_for_words]
)
def test_another_vocabulary_is_refused(
    change: Callable[[Path], None],
    trained: dict[str, tuple[Path, Arrays]],
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(trained["bert"][0] / "transformers", tmp_path / "theirs")
    start_from(make_settings, static_folder, folder)  # unchanged, it is fine
    change(folder)
    with pytest.raises(WarmStartError, match=r"tokens are not.*vocabulary\.import_from"):
        start_from(make_settings, static_folder, folder)


def test_a_folder_without_a_weight_of_the_encoder_is_refused(
    trained: dict[str, tuple[Path, Arrays]],
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
) -> None:
    source = trained["bert"][0] / "transformers"
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    values = safetensors.numpy.load_file(source / "model.safetensors")
    del values["bert.encoder.layer.0.output.dense.weight"]
    safetensors.numpy.save_file(values, tmp_path / "model.safetensors")
    with pytest.raises(WarmStartError, match=r"has no bert.encoder.layer.0.output.dense.weight"):
        start_from(make_settings, static_folder, tmp_path)


def test_a_folder_without_weights_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.safetensors: no such file.* model\.start_from"):
        start_digest(str(tmp_path))


def test_a_start_that_does_not_fit_is_refused_before_anything_runs(
    trained: dict[str, tuple[Path, Arrays]],
) -> None:
    """The error comes when the pipeline is built, before text and instances are processed."""
    locations = Locations("text", ("*.txt",), "root", "checkpoints", "published")
    recipe = load_recipe("quick", ["model.type=albert", f"model.start_from={trained['bert'][0]}"])
    with pytest.raises(WarmStartError, match=r"its type is bert, and model\.type says albert"):
        create_pipeline(recipe, locations)
