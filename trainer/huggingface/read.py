"""Read a model from a folder that `transformers` or Textmill wrote."""

import numpy as np

from core import storage
from core.errors import InputError
from core.file_names import TRANSFORMERS_FOLDER
from trainer.huggingface.config import (
    CONFIG,
    GENERATOR_FOLDER,
    TransformersFolderError,
    read_config,
)
from trainer.huggingface.weights import WEIGHTS, Values, read_weights, weight_names, weight_paths
from trainer.models.architecture import Architecture
from trainer.models.electra import GENERATOR
from trainer.models.embedding_sharing import unfold

_GENERATOR_HEAD = "generator_predictions."  # only generators have it
# `transformers` saves these, but they are counters or copies of tied tables.
_NO_WEIGHTS = ("position_ids", "token_type_ids", "decoder.weight", "decoder.bias")
_NO_GENERATOR_WEIGHTS = ("generator_lm_head.weight", "position_ids", "token_type_ids")
# Names in models converted from Google's TensorFlow code, such as bert-base-uncased;
# `transformers` translates them too.
_OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


class GeneratorError(InputError):
    """A generator that is missing or does not fit its discriminator."""


def read_model(
    folder: str, generator_from: str | None = None, embedding_sharing: str | None = None
) -> tuple[Architecture, Values]:
    """Read the architecture and the weights of a model, under our names and as float32.

    Args:
        folder: written by `transformers`, or a model that Textmill exported; an exported ELECTRA
            includes its generator.
        generator_from: folder of a generator to read instead.
        embedding_sharing: how an ELECTRA that starts from the model shares embeddings; None: as
            the model does.

    Raises:
        InputError: as `read_architecture`, or a file of weights is damaged.
    """
    own = find_model(folder)
    architecture = read_architecture(own)
    values = _rename(read_weights(own), architecture.type)
    if generator := find_generator(folder, generator_from):
        values |= _read_generator(generator)
    if architecture.type == "electra":
        values = unfold(values, embedding_sharing or architecture.embedding_sharing, folder)
    return architecture, values


def read_architecture(folder: str) -> Architecture:
    """Read the `config.json` of a folder that also has weights.

    Raises:
        InputError: a file is missing or the model is not supported; the message names the field.
    """
    path = storage.join(folder, CONFIG)
    if not storage.exists(path):
        raise TransformersFolderError(
            f"{folder}: no {CONFIG}. A model is a folder with {CONFIG} and {WEIGHTS}."
        )
    weight_paths(folder)
    return read_config(path)


def find_model(folder: str) -> str:
    """Return the folder of `config.json`: the folder itself, or `transformers/` in an export."""
    inner = storage.join(folder, TRANSFORMERS_FOLDER)
    return inner if storage.exists(storage.join(inner, CONFIG)) else folder


def find_generator(folder: str, generator_from: str | None = None) -> str | None:
    """Return the folder of the generator's `config.json`, or None if the model has none.

    Args:
        folder: a discriminator's: an exported model, or its folder for `transformers`.
        generator_from: folder of a generator, or of an exported model that has one.
    """
    home = generator_from or folder
    parent, _, name = home.rstrip("/").rpartition("/")
    homes = (home, parent) if name == TRANSFORMERS_FOLDER else (home,)
    paths = (storage.join(each, GENERATOR_FOLDER) for each in homes)
    inner = next((path for path in paths if storage.exists(storage.join(path, CONFIG))), None)
    return inner or generator_from


def check_half(folder: str, *, is_generator: bool) -> None:
    """Require the weights of a generator, or refuse them as those of a discriminator.

    Raises:
        GeneratorError: the weights are those of the other half of an ELECTRA.
    """
    has_head = any(name.startswith(_GENERATOR_HEAD) for name in weight_names(folder))
    if is_generator and not has_head:
        raise GeneratorError(
            f"{folder}: not a generator, because it has no {_GENERATOR_HEAD}… weights. Set "
            f"model.generator_from to a folder of ElectraForMaskedLM."
        )
    if has_head and not is_generator:
        raise GeneratorError(
            f"{folder}: holds a generator (it has {_GENERATOR_HEAD}… weights). Set "
            f"model.start_from to the discriminator's folder, and model.generator_from to this one."
        )


def _read_generator(folder: str) -> Values:
    """Read a generator's weights."""
    check_half(folder, is_generator=True)
    read_architecture(folder)
    values = read_weights(folder)
    return {
        f"{GENERATOR}{name}": value.astype(np.float32)
        for name, value in values.items()
        if not name.endswith(_NO_GENERATOR_WEIGHTS)
    }


def _rename(values: Values, model_type: str) -> Values:
    """Return the weights under our names."""
    renamed = {
        _our_name(name): value.astype(np.float32)
        for name, value in values.items()
        if not name.endswith(_NO_WEIGHTS)
    }
    prefix = f"{model_type}."
    if not any(name.startswith(prefix) for name in renamed):
        # A bare encoder, such as BertModel, is saved without the prefix.
        renamed = {f"{prefix}{name}": value for name, value in renamed.items()}
    return renamed


def _our_name(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name
