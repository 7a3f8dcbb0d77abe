"""The folders that a model starts from to weights by our names, and to their digests."""

import hashlib

import numpy as np

from core import storage
from trainer.huggingface.config import CONFIG
from trainer.huggingface.folder import (
    TRANSFORMERS_FOLDER,
    Values,
    read_architecture,
    read_transformers_folder,
)
from trainer.huggingface.weights import weights_digest
from trainer.settings.model import ModelSettings
from trainer.warm_start.generator import generator_folder, read_generator

# Kept by `transformers` as weights, and no weights: counters, and copies of tied tables.
_NO_WEIGHTS = ("position_ids", "token_type_ids", "decoder.weight", "decoder.bias")
# What a normalisation's weights are called in models that Google's TensorFlow code began, such as
# bert-base-uncased; `transformers` translates them too.
_OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def start_folder(folder: str) -> str:
    """Where `config.json` is: the folder, or `transformers/` in a model that Textmill exported."""
    inner = storage.join(folder, TRANSFORMERS_FOLDER)
    return inner if storage.exists(storage.join(inner, CONFIG)) else folder


def read_start(settings: ModelSettings) -> Values:
    """The weights that the settings start from, under the names that we use.

    Args:
        settings: `start_from` is a folder that `transformers` wrote, or a model that Textmill
            exported (an ELECTRA then brings its generator); `generator_from` is the folder of a
            generator, which is taken instead.
    """
    values = _read_published(start_folder(str(settings.start_from)))
    if generator := _generator_of(settings):
        values |= read_generator(generator, values)
    return values


def start_digest(folder: str) -> str:
    """sha256 of the weights in a folder, by which a model tells where it began.

    Raises:
        InputError: there are none that are read.
    """
    return weights_digest(start_folder(folder))


def start_key(settings: ModelSettings) -> str:
    """The digest of every file that a start's result depends on, after a look at each.

    Raises:
        InputError: one of them is missing, or is of a model that is not read.
    """
    folders = [start_folder(str(settings.start_from))]
    if generator := _generator_of(settings):
        folders.append(generator_folder(generator))
    digest = hashlib.sha256()
    for path in folders:
        read_architecture(path)
        config = storage.read_bytes(storage.join(path, CONFIG))
        digest.update(f"{weights_digest(path)} {hashlib.sha256(config).hexdigest()}\n".encode())
    return digest.hexdigest()


def _generator_of(settings: ModelSettings) -> str | None:
    """The folder of the generator that the settings begin with; None: they begin with none."""
    folder = str(settings.start_from)
    is_there = generator_folder(folder) != folder
    return settings.generator_from or (folder if is_there else None)


def _read_published(folder: str) -> Values:
    architecture, found = read_transformers_folder(folder)
    values = {
        _our_name(n): v.astype(np.float32) for n, v in found.items() if not n.endswith(_NO_WEIGHTS)
    }
    prefix = f"{architecture.type}."
    if not any(name.startswith(prefix) for name in values):
        # A bare encoder, as BertModel saves it, has its names without the prefix.
        values = {f"{prefix}{name}": value for name, value in values.items()}
    return values


def _our_name(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name
