"""A `transformers` folder to the weights that training starts from, instead of drawn ones."""

import dataclasses
import logging
from collections.abc import Mapping

import numpy as np

from core.errors import InputError
from core.settings import LATEST_BLESSED
from core.vocabulary.vocabulary import Vocabulary, read_tokens
from trainer.huggingface.folder import Values, read_architecture
from trainer.models.architecture import Architecture
from trainer.models.electra import GENERATOR
from trainer.models.parameters import ParameterList
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainingSettings
from trainer.warm_start.files import start_folder
from trainer.warm_start.generator import check_discriminator, with_generator

log = logging.getLogger(__name__)

SHAPE = ("num_layers", "hidden_size", "num_heads", "intermediate_size", "embedding_size")
_CLASS_HEADS = ("cls.seq_relationship", "sop_classifier")


class WarmStartError(InputError):
    """A folder that a model cannot start from."""


def with_start(settings: TrainingSettings, latest_blessed: str | None) -> TrainingSettings:
    """The settings with a folder in the place of `model.start_from: latest_blessed`.

    Args:
        settings: as the recipe has them.
        latest_blessed: the model's folder; None if there is no such model yet, so that the weights
            are drawn.
    """
    if settings.model.start_from != LATEST_BLESSED:
        return settings
    log.info("Starting from the latest blessed model: %s", latest_blessed or "there is none yet")
    model = settings.model.model_copy(update={"start_from": latest_blessed})
    return settings.model_copy(update={"model": model})


def start_architecture(
    settings: ModelSettings, folder: str, vocabulary: Vocabulary, sequence_classes: int
) -> Architecture:
    """The folder's shape, with what the settings say of dropout and initialisation.

    The head that tells classes is as wide as the instances ask, and there may be more types of
    segments than the folder's.

    Raises:
        InputError: the settings give another type or shape, or the vocabulary is another.
    """
    found = check_start(settings)
    _check_vocabulary(folder, found, vocabulary)
    return dataclasses.replace(
        found,
        pad_id=vocabulary.pad_id,
        hidden_dropout=settings.hidden_dropout,
        attention_dropout=settings.attention_dropout,
        initializer_range=settings.initializer_range,
        type_vocab_size=max(found.type_vocab_size, settings.type_vocab_size),
        sequence_classes=sequence_classes,
    )


def check_start(settings: ModelSettings) -> Architecture:
    """The shape of the model in `start_from`, after a comparison with what the settings say of it.

    Raises:
        InputError: they say another type or shape, or a half of an ELECTRA does not fit.
    """
    folder = str(settings.start_from)
    found = read_architecture(start_folder(folder))
    asked = {name: getattr(settings, name) for name in SHAPE}
    asked = {name: value for name, value in asked.items() if value is not None}
    asked["type"] = settings.type
    for name, value in asked.items():
        if value != getattr(found, name):
            raise WarmStartError(
                f"{folder}: its {name} is {getattr(found, name)}, and model.{name} "
                f"says {value}. Set it to {getattr(found, name)}, or remove model.start_from."
            )
    if found.type != "electra":
        return found
    check_discriminator(start_folder(folder))
    return with_generator(found, settings, folder)


def start_values(
    first: Mapping[str, np.ndarray], found: Values, parameters: ParameterList, folder: str
) -> Values:
    """The weights to start from: the folder's, and drawn ones where it has none.

    Args:
        first: every weight as drawn.
        found: from `read_start`.
        parameters: of the model.
        folder: for messages.

    Raises:
        WarmStartError: the folder lacks a weight of the encoder, or one has another shape.
    """
    found = _fit(first, found, parameters)
    missing = [name for name in parameters if name not in found]
    lacking = [name for name in missing if ".encoder.layer" in name or "embeddings" in name]
    lacking = [name for name in lacking if not name.startswith(GENERATOR)]
    if lacking:
        raise WarmStartError(f"{folder}: has no {lacking[0]} ({len(lacking)} weights are missing).")
    for name in parameters.keys() & found.keys():
        if found[name].shape != parameters[name].shape:
            raise WarmStartError(
                f"{folder}: {name} is {found[name].shape}, and the model's is "
                f"{parameters[name].shape}."
            )
    unused = sorted(found.keys() - parameters.keys())
    log.info("%s: %d weights are taken from it", folder, len(parameters) - len(missing))
    log.info("Drawn, because it has none: %s", ", ".join(missing) or "none")
    log.info("In it and not used: %s", ", ".join(unused) or "none")
    return {name: found.get(name, first[name]) for name in parameters}


def _fit(first: Mapping[str, np.ndarray], found: Values, parameters: ParameterList) -> Values:
    """Leaves out a head for other classes, and adds drawn rows for new types of segments."""
    fitted = dict(found)
    for name in parameters.keys() & found.keys():
        value, shape = found[name], parameters[name].shape
        if name.startswith(_CLASS_HEADS) and value.shape != shape:
            del fitted[name]
        elif "token_type_embeddings" in name and len(value) < shape[0]:
            fitted[name] = np.concatenate([value, first[name][len(value) :]])
    return fitted


def _check_vocabulary(folder: str, found: Architecture, vocabulary: Vocabulary) -> None:
    """Ids have to mean what they meant."""
    if found.vocab_size != vocabulary.size:
        raise WarmStartError(
            f"{folder}: has {found.vocab_size} tokens, and the instances' vocabulary "
            f"{vocabulary.size}. Set vocabulary.import_from to {folder}."
        )
    found_tokens = read_tokens(start_folder(folder))
    if found_tokens and found_tokens[1] != vocabulary.tokens:
        raise WarmStartError(
            f"{found_tokens[0]}: its tokens are not those of the instances' vocabulary. Set "
            f"vocabulary.import_from to {folder}."
        )
