"""Published folders in all their forms: old names, shards, half precision, two halves, pickles."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from core.errors import InputError
from pipelines.recipe.file import load_recipe
from pipelines.recipe.work import compute_work
from tests.trainer.conftest import MakeSettings, settings_in
from tests.trainer.training_tools import new_state, start_from
from trainer.export.export import export_model
from trainer.huggingface.read import read_architecture
from trainer.huggingface.weights import INDEX, WEIGHTS
from trainer.input.instances import open_instances
from trainer.models.electra import GENERATOR
from trainer.objectives.choose import choose_objective
from trainer.settings.model import ModelSettings
from trainer.warm_start.digests import start_digest, start_key

Arrays = dict[str, np.ndarray]


def exported(kind: str, root: Path, static_folder: str) -> tuple[Path, Arrays]:
    """Return one of our models as two plain `transformers` folders, and its weights."""
    settings = settings_in(root, {"type": kind})
    values = new_state(settings, static_folder).values()
    values = {name: value + np.float32(0.01) for name, value in values.items()}
    instances = open_instances(static_folder)
    model = choose_objective(settings.model, instances).model
    export_model(str(root / "model"), model, values, instances, {})
    shutil.move(root / "model" / "transformers", root / "plain")
    if kind == "electra":
        shutil.move(root / "model" / "transformers-generator", root / "generator")
    return root, values


@pytest.fixture(scope="module")
def bert(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Arrays]:
    return exported("bert", tmp_path_factory.mktemp("bert"), static_folder)


@pytest.fixture(scope="module")
def electra(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Arrays]:
    """Write the halves as others publish them, without references to each other."""
    root, values = exported("electra", tmp_path_factory.mktemp("electra"), static_folder)
    change_config(root / "plain", generator_share=None)
    return root, values


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    kept = {name: value for name, value in config.items() if value is not None}
    path.write_text(json.dumps(kept), encoding="utf-8")


def assert_equal(actual: Arrays, expected: Arrays, atol: float = 0) -> None:
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=0, atol=atol, err_msg=name)


def load(folder: Path) -> Arrays:
    return safetensors.numpy.load_file(folder / WEIGHTS)


def write_old_names(folder: Path) -> None:
    values = {
        re.sub(
            r"LayerNorm\.(weight|bias)$",
            lambda m: f"LayerNorm.{'gamma' if m[1] == 'weight' else 'beta'}",
            name,
        ): value
        for name, value in load(folder).items()
    }
    assert "bert.embeddings.LayerNorm.gamma" in values
    safetensors.numpy.save_file(values, folder / WEIGHTS)


def write_shards(folder: Path) -> None:
    values = load(folder)
    (folder / WEIGHTS).unlink()
    index = {}
    for number in range(2):
        part = dict(list(values.items())[number::2])
        name = f"model-{number + 1:05d}-of-00002.safetensors"
        safetensors.numpy.save_file(part, folder / name)
        index |= dict.fromkeys(part, name)
    (folder / INDEX).write_text(json.dumps({"weight_map": index}), encoding="utf-8")


def write_bfloat16(folder: Path) -> None:
    """Write bfloat16 weights; the library's NumPy side lacks the type, so the header is edited."""
    halves = {n: (v.view(np.uint32) >> 16).astype(np.uint16) for n, v in load(folder).items()}
    content = safetensors.numpy.save(halves)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    for entry in header.values():
        entry["dtype"] = "BF16"
    new_header = json.dumps(header).encode()
    parts = len(new_header).to_bytes(8, "little"), new_header, content[8 + size :]
    (folder / WEIGHTS).write_bytes(b"".join(parts))


@pytest.mark.parametrize("change", [write_old_names, write_shards])
def test_a_folder_in_another_form_gives_the_same_weights(
    change: Any,
    bert: tuple[Path, Arrays],
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    change(folder)
    assert_equal(start_from(make_settings, static_folder, folder), bert[1])


@pytest.mark.parametrize(("name", "bits"), [("float16", 10), ("bfloat16", 7)])
def test_weights_in_half_precision_are_read(
    name: str,
    bits: int,
    bert: tuple[Path, Arrays],
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    if name == "float16":
        halves = {n: v.astype(np.float16) for n, v in load(folder).items()}
        safetensors.numpy.save_file(halves, folder / WEIGHTS)
    else:
        write_bfloat16(folder)
    values = start_from(make_settings, static_folder, folder)
    assert {value.dtype for value in values.values()} == {np.dtype(np.float32)}
    assert_equal(values, bert[1], atol=2.0**-bits)


def test_a_missing_shard_is_named(
    bert: tuple[Path, Arrays], static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    write_shards(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"model-00002-of-00002.safetensors: no such file"):
        start_from(make_settings, static_folder, folder)


def test_a_shard_that_lacks_a_weight_is_refused(
    bert: tuple[Path, Arrays], static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    write_shards(folder)
    second = folder / "model-00002-of-00002.safetensors"
    safetensors.numpy.save_file({}, second)
    with pytest.raises(InputError, match=r"which no shard holds"):
        start_from(make_settings, static_folder, folder)


def test_a_pickle_is_refused_with_the_command_that_converts_it(
    bert: tuple[Path, Arrays], tmp_path: Path
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"has pytorch_model\.bin and no.*save_pretrained"):
        start_key(ModelSettings(start_from=str(folder)))


def test_a_damaged_file_is_refused(
    bert: tuple[Path, Arrays], static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-10])
    with pytest.raises(InputError, match=r"not a whole safetensors file"):
        start_from(make_settings, static_folder, folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer_norm_eps": 1e-5}, r"layer_norm_eps is 1e-05; supported is 1e-12"),
        ({"hidden_act": "relu"}, r"hidden_act is 'relu'; supported is 'gelu' or"),
        ({"num_hidden_groups": 2}, r"num_hidden_groups is 2"),
        ({"position_embedding_type": "relative_key"}, r"position_embedding_type is 'relative_key'"),
        (
            {"model_type": "roberta"},
            r"model_type is 'roberta'; supported are bert, albert, electra",
        ),
        ({"hidden_size": None}, r"'hidden_size' is missing"),
        ({"vocab_size": -1}, r"vocab_size is -1, which is impossible for a model of type bert"),
        (
            {"num_attention_heads": 3},
            r"num_attention_heads is 3, which is impossible for a model of type bert",
        ),
        (
            {"hidden_dropout_prob": 2},
            r"hidden_dropout_prob is 2, which is impossible for a model of type bert",
        ),
    ],
)
def test_an_unsupported_model_is_refused_with_the_name_of_its_field(
    changes: dict[str, Any], message: str, bert: tuple[Path, Arrays], tmp_path: Path
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    change_config(folder, **changes)
    with pytest.raises(InputError, match=message):
        read_architecture(str(folder))


@pytest.mark.parametrize(("name", "content"), [("config.json", "[" * 100_000), (INDEX, "[1]")])
def test_a_file_that_holds_no_json_object_is_named(
    name: str, content: str, bert: tuple[Path, Arrays], tmp_path: Path
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    if name == INDEX:
        (folder / "model.safetensors").unlink()
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"{name}: not (JSON|a JSON object)"):
        read_architecture(str(folder))


def test_the_key_of_a_start_covers_every_file_it_depends_on(
    bert: tuple[Path, Arrays], tmp_path: Path
) -> None:
    folder = shutil.copytree(bert[0] / "plain", tmp_path / "theirs")
    settings = ModelSettings(start_from=str(folder))
    keys = [start_key(settings)]
    change_config(folder, hidden_act="gelu_new")
    keys.append(start_key(settings))
    weights = start_digest(str(folder))
    write_shards(folder)
    keys.append(start_key(settings))
    assert len(set(keys)) == 3
    assert start_digest(str(folder)) != weights


def test_both_halves_of_a_published_electra_are_the_start(
    electra: tuple[Path, Arrays], static_folder: str, make_settings: MakeSettings
) -> None:
    root, values = electra
    halves = {"type": "electra", "generator_from": str(root / "generator")}
    assert_equal(start_from(make_settings, static_folder, root / "plain", **halves), values)


def test_the_generator_of_an_exported_electra_is_found_from_either_folder(
    static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    root, values = exported("electra", tmp_path, static_folder)
    shutil.move(root / "plain", root / "model" / "transformers")
    shutil.move(root / "generator", root / "model" / "transformers-generator")
    for folder in (root / "model", root / "model" / "transformers"):
        assert_equal(start_from(make_settings, static_folder, folder, type="electra"), values)


def test_a_discriminator_alone_gets_a_random_generator_of_the_set_share(
    electra: tuple[Path, Arrays], static_folder: str, make_settings: MakeSettings
) -> None:
    root, values = electra
    with pytest.raises(InputError, match=r"no generator.*generator_from.*generator_share"):
        start_from(make_settings, static_folder, root / "plain", type="electra")
    values = start_from(
        make_settings, static_folder, root / "plain", type="electra", generator_share=0.25
    )
    query = f"{GENERATOR}electra.encoder.layer.0.attention.self.query.weight"
    assert values[query].shape == (8, 8)
    discriminator = {n: v for n, v in values.items() if not n.startswith(GENERATOR)}
    assert_equal({n: values[n] for n in discriminator}, discriminator)


def test_a_discriminator_of_a_size_in_the_paper_gets_the_papers_share(
    electra: tuple[Path, Arrays],
) -> None:
    from dataclasses import replace

    from trainer.warm_start.generator import with_generator

    small = replace(read_architecture(str(electra[0] / "plain")), num_layers=12, hidden_size=768)
    settings = ModelSettings(type="electra", size="base")
    assert with_generator(small, settings, "theirs").generator_share == pytest.approx(1 / 3)


def test_swapped_halves_are_refused(
    electra: tuple[Path, Arrays], static_folder: str, make_settings: MakeSettings
) -> None:
    root, _ = electra
    with pytest.raises(InputError, match=r"holds a generator.*model\.generator_from to this"):
        start_from(
            make_settings,
            static_folder,
            root / "generator",
            type="electra",
            generator_share=0.5,
        )
    with pytest.raises(InputError, match=r"not a generator, because"):
        start_from(
            make_settings,
            static_folder,
            root / "plain",
            type="electra",
            generator_from=str(root / "plain"),
        )


def test_a_generator_of_another_shape_is_refused_with_the_names_of_its_fields(
    electra: tuple[Path, Arrays], static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    root, _ = electra
    other = shutil.copytree(root / "generator", tmp_path / "other")
    change_config(other, num_hidden_layers=3, vocab_size=900)
    with pytest.raises(InputError, match=r"vocab_size 900 instead of 800, num_layers 3 instead"):
        start_from(
            make_settings,
            static_folder,
            root / "plain",
            type="electra",
            generator_from=str(other),
        )


def test_a_share_that_contradicts_the_folder_is_refused(
    electra: tuple[Path, Arrays], static_folder: str, make_settings: MakeSettings
) -> None:
    root, _ = electra
    with pytest.raises(InputError, match=r"is 0\.5, and model\.generator_share says 0\.25"):
        start_from(
            make_settings,
            static_folder,
            root / "plain",
            type="electra",
            generator_from=str(root / "generator"),
            generator_share=0.25,
        )


def test_a_generator_without_its_discriminator_is_refused_in_the_recipe() -> None:
    with pytest.raises(ValueError, match=r"generator_from needs an electra"):
        ModelSettings(type="electra", generator_from="somewhere")


def test_a_plan_describes_the_model_in_the_folder(bert: tuple[Path, Arrays]) -> None:
    """The plan does not use the size in the recipe."""
    folder, values = bert[0] / "plain", bert[1]
    recipe = load_recipe("quick", [f"model.start_from={folder}"])
    assert compute_work(recipe).parameters == sum(value.size for value in values.values())
