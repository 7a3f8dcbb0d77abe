"""Start from the architecture and the weights in a folder instead of from random weights."""

import dataclasses
import logging
from collections.abc import Mapping

import numpy as np

from core.errors import InputError
from core.settings import LATEST_BLESSED
from core.vocabulary.vocabulary import Vocabulary, read_tokens
from trainer.huggingface.read import check_half, find_model, read_architecture
from trainer.huggingface.weights import Values
from trainer.models.architecture import Architecture
from trainer.models.electra import GENERATOR
from trainer.models.parameters import ParameterList
from trainer.settings.model import DIMENSIONS, ModelSettings
from trainer.settings.training import TrainingSettings
from trainer.warm_start.generator import with_generator

log = logging.getLogger(__name__)

_CLASS_HEADS = ("cls.seq_relationship", "sop_classifier")


class WarmStartError(InputError):
    """A folder that a model cannot start from."""


def resolve_latest_blessed(
    settings: TrainingSettings, latest_blessed: str | None
) -> TrainingSettings:
    """Replace `model.start_from: latest_blessed` by a folder.

    `latest_blessed` is None if there is no such model yet, so that the weights are random.
    """
    if settings.model.start_from != LATEST_BLESSED:
        return settings
    log.info("Starting from the latest blessed model: %s", latest_blessed or "there is none yet")
    model = settings.model.model_copy(update={"start_from": latest_blessed})
    return settings.model_copy(update={"model": model})


def start_architecture(
    settings: ModelSettings, folder: str, vocabulary: Vocabulary, sequence_classes: int
) -> Architecture:
    """Return the folder's architecture, with dropout and initialization from the settings.

    The head for pairs has as many classes as the instances, and there may be more types of segments
    than in the folder.

    Raises:
        InputError: the settings give another type or shape, or the vocabulary differs.
    """
    architecture = check_start(settings)
    _check_vocabulary(folder, architecture, vocabulary)
    return dataclasses.replace(
        architecture,
        pad_id=vocabulary.pad_id,
        hidden_dropout=settings.hidden_dropout,
        attention_dropout=settings.attention_dropout,
        initializer_range=settings.initializer_range,
        type_vocab_size=max(architecture.type_vocab_size, settings.type_vocab_size),
        sequence_classes=sequence_classes,
    )


def check_start(settings: ModelSettings) -> Architecture:
    """Return the architecture of the model in `start_from` after comparing it with the settings.

    Raises:
        InputError: the settings give another type or shape, or one half of an ELECTRA does not fit.
    """
    folder = str(settings.start_from)
    architecture = read_architecture(find_model(folder))
    for name in ("type", *DIMENSIONS):
        expected, value = getattr(settings, name), getattr(architecture, name)
        if expected not in (None, value):
            raise WarmStartError(
                f"{folder}: its {name} is {value}, and model.{name} says {expected}. Set it to "
                f"{value}, or remove model.start_from."
            )
    if architecture.type != "electra":
        return architecture
    check_half(find_model(folder), is_generator=False)
    sharing = settings.electra.embedding_sharing
    architecture = dataclasses.replace(architecture, embedding_sharing=sharing)
    return with_generator(architecture, settings, folder)


def check_start_vocabulary(start_from: str, import_from: str | None) -> None:
    """Refuse a vocabulary that does not belong to the model in `start_from`, before any work.

    Args:
        start_from: `model.start_from`.
        import_from: `vocabulary.import_from`.

    Raises:
        WarmStartError: the vocabulary is trained on the text, or its tokens differ.
    """
    remedy = f"Set vocabulary.import_from to {start_from}."
    if import_from is None:
        raise WarmStartError(
            f"model.start_from is {start_from}, but a vocabulary that is trained on the text does "
            f"not fit its weights. {remedy}"
        )
    if import_from == LATEST_BLESSED:
        return  # known only when the run starts
    model, vocabulary = (read_tokens(find_model(path)) for path in (start_from, import_from))
    if model and vocabulary and model[1] != vocabulary[1]:
        raise WarmStartError(
            f"{vocabulary[0]}: its tokens are not those of the model in {start_from}. {remedy}"
        )


def start_values(
    random_values: Mapping[str, np.ndarray],
    folder_values: Values,
    parameters: ParameterList,
    folder: str,
) -> Values:
    """Return the first weights: those of the folder, and random ones for what it lacks.

    Raises:
        WarmStartError: the folder lacks a weight of the encoder, or a weight has another shape.
    """
    values = _fit(random_values, folder_values, parameters)
    missing = [name for name in parameters if name not in values]
    required = [name for name in missing if ".encoder.layer" in name or "embeddings" in name]
    required = [name for name in required if not name.startswith(GENERATOR)]
    if required:
        raise WarmStartError(
            f"{folder}: has no {required[0]} ({len(required)} weights are missing). Get the folder "
            f"from its source again."
        )
    for name in parameters.keys() & values.keys():
        if values[name].shape != parameters[name].shape:
            raise WarmStartError(
                f"{folder}: {name} has the shape {values[name].shape} instead of "
                f"{parameters[name].shape}. Get the folder from its source again."
            )
    unused = sorted(values.keys() - parameters.keys())
    log.info("%s: starting from %d of its weights", folder, len(parameters) - len(missing))
    log.info("Random, because the folder lacks them: %s", ", ".join(missing) or "none")
    log.info("In the folder but not used: %s", ", ".join(unused) or "none")
    return {name: values.get(name, random_values[name]) for name in parameters}


def _fit(
    random_values: Mapping[str, np.ndarray], values: Values, parameters: ParameterList
) -> Values:
    """Drop a head for another number of classes; add random rows for new types of segments."""
    fitted = dict(values)
    for name in parameters.keys() & values.keys():
        value, shape = values[name], parameters[name].shape
        if name.startswith(_CLASS_HEADS) and value.shape != shape:
            del fitted[name]
        elif "token_type_embeddings" in name and len(value) < shape[0]:
            fitted[name] = np.concatenate([value, random_values[name][len(value) :]])
    return fitted


def _check_vocabulary(folder: str, architecture: Architecture, vocabulary: Vocabulary) -> None:
    """Require the same tokens with the same ids."""
    if architecture.vocab_size != vocabulary.size:
        raise WarmStartError(
            f"{folder}: has {architecture.vocab_size} tokens, and the instances' vocabulary has "
            f"{vocabulary.size}. Set vocabulary.import_from to {folder}."
        )
    read = read_tokens(find_model(folder))
    if read is None:  # the folder has only weights
        return
    path, tokens = read
    if tokens != vocabulary.tokens:
        raise WarmStartError(
            f"{path}: its tokens are not those of the instances' vocabulary. Set "
            f"vocabulary.import_from to {folder}."
        )
