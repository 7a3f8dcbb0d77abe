"""A folder's generator to the half of an ELECTRA that starts from it."""

import dataclasses
import logging

import numpy as np

from core import storage
from core.errors import InputError
from trainer.huggingface.config import CONFIG
from trainer.huggingface.folder import (
    EMBEDDINGS,
    GENERATOR_FOLDER,
    TRANSFORMERS_FOLDER,
    Values,
    read_architecture,
    read_transformers_folder,
)
from trainer.huggingface.weights import weight_names
from trainer.models.architecture import SIZES, Architecture, generator_architecture
from trainer.models.electra import GENERATOR
from trainer.settings.model import ModelSettings

log = logging.getLogger(__name__)

_HEAD = "generator_predictions."  # what a generator has, and a discriminator has not
_TIED = ("generator_lm_head.weight", "position_ids", "token_type_ids")  # the table itself; counters
_COMPARED = (
    "type",
    "vocab_size",
    "num_layers",
    "hidden_size",
    "num_heads",
    "intermediate_size",
    "embedding_size",
    "max_position",
    "activation",
)


class GeneratorStartError(InputError):
    """A generator that does not go with its discriminator."""


def generator_folder(folder: str) -> str:
    """Where its `config.json` is.

    Args:
        folder: a generator's own; or a model that Textmill exported, or that model's folder for
            `transformers`, beside which its generator lies.

    Returns:
        The generator's folder; what was given, if there is none in it or beside it.
    """
    parent, _, name = folder.rstrip("/").rpartition("/")
    homes = (folder, parent) if name == TRANSFORMERS_FOLDER else (folder,)
    places = (storage.join(home, GENERATOR_FOLDER) for home in homes)
    return next((p for p in places if storage.exists(storage.join(p, CONFIG))), folder)


def with_generator(found: Architecture, settings: ModelSettings, folder: str) -> Architecture:
    """An ELECTRA's architecture with the generator's share, wherever it is told.

    The generator's folder tells it, or the discriminator's if Textmill wrote it, or the settings,
    or the paper, for a discriminator of one of its sizes.

    Args:
        found: the discriminator's.
        settings: `generator_from` and `generator_share` are read.
        folder: the discriminator's, for messages.

    Raises:
        GeneratorStartError: nothing tells it, two tell different ones, or the folder's generator
            is of a shape that no share makes.
    """
    share = found.generator_share
    if settings.generator_from:
        theirs = read_architecture(generator_folder(settings.generator_from))
        _check_generator(settings.generator_from)
        share = theirs.hidden_size / found.hidden_size
        ours = generator_architecture(dataclasses.replace(found, generator_share=share))
        _compare(ours, theirs, settings.generator_from)
    asked = settings.generator_share
    if share and asked and abs(share - asked) > 1e-3:  # a third has no end
        raise GeneratorStartError(
            f"{settings.generator_from or folder}: its generator's share of the hidden size is "
            f"{share:g}, and model.generator_share says {asked:g}. Remove model.generator_share."
        )
    share = share or asked or _papers_share(found)
    if share is None:
        raise GeneratorStartError(
            f"{folder}: has no generator. Set model.generator_from to the folder of its own, or "
            f"model.generator_share to the share of the hidden size that a drawn one is to have."
        )
    return dataclasses.replace(found, generator_share=share)


def read_generator(folder: str, embeddings: Values) -> Values:
    """The generator's weights, under our names and without the embeddings that both halves share.

    Args:
        folder: one that `transformers` wrote for its ElectraForMaskedLM, or an export of ours.
        embeddings: the discriminator's weights, which are kept; that others are lost is told.

    Raises:
        GeneratorStartError: the folder holds no generator.
    """
    _check_generator(folder)
    _, values = read_transformers_folder(generator_folder(folder))
    for name in (n for n in values if n.startswith(EMBEDDINGS) and n in embeddings):
        if not np.array_equal(values[name], embeddings[name]):
            log.warning("%s: its %s is another than the discriminator's, which stays", folder, name)
    own = {n: v for n, v in values.items() if not n.startswith(EMBEDDINGS)}
    return {
        f"{GENERATOR}{n}": v.astype(np.float32) for n, v in own.items() if not n.endswith(_TIED)
    }


def check_discriminator(folder: str) -> None:
    """Refuses a generator in the discriminator's place.

    Args:
        folder: the discriminator's own, with its `config.json`.

    Raises:
        GeneratorStartError: its weights have a generator's head.
    """
    if _has_generators_head(folder):
        raise GeneratorStartError(
            f"{folder}: holds a generator (it has {_HEAD}…). Set model.start_from to the "
            f"discriminator's folder, and model.generator_from to this one."
        )


def _check_generator(folder: str) -> None:
    if not _has_generators_head(generator_folder(folder)):
        raise GeneratorStartError(
            f"{folder}: has no {_HEAD}…, so it is no generator. Set model.generator_from to a "
            f"folder of ElectraForMaskedLM."
        )


def _has_generators_head(folder: str) -> bool:
    return any(name.startswith(_HEAD) for name in weight_names(folder))


def _papers_share(found: Architecture) -> float | None:
    """The paper's share for a discriminator of its layers and width."""
    shares = {
        (size.num_layers, size.hidden_size): size.generator_share
        for size in SIZES["electra"].values()
    }
    return shares.get((found.num_layers, found.hidden_size))


def _compare(ours: Architecture, theirs: Architecture, folder: str) -> None:
    differences = [
        f"{name} {getattr(theirs, name)} instead of {getattr(ours, name)}"
        for name in _COMPARED
        if getattr(theirs, name) != getattr(ours, name)
    ]
    if differences:
        raise GeneratorStartError(
            f"{folder}: no generator for this discriminator; it has {', '.join(differences)}. Take "
            f"the generator that was trained together with it."
        )
