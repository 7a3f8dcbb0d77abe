"""Compute digests of the weights that a model starts from."""

import hashlib

from core import storage
from trainer.huggingface.config import CONFIG
from trainer.huggingface.read import find_generator, find_model, read_architecture
from trainer.huggingface.weights import weights_digest
from trainer.settings.model import ModelSettings


def start_digest(folder: str) -> str:
    """Return the sha256 of the weights in a folder; a model's manifest records it.

    Raises:
        InputError: there are no weights, or none that are supported.
    """
    return weights_digest(find_model(folder))


def generator_digest(generator_from: str) -> str:
    """Return the sha256 of a generator's weights.

    Raises:
        InputError: there are no weights, or none that are supported.
    """
    return weights_digest(find_generator(generator_from) or generator_from)


def start_key(settings: ModelSettings) -> str:
    """Return the digest of all files that the first weights depend on, after checking each.

    Raises:
        InputError: a file is missing, or a model is not supported.
    """
    folder = str(settings.start_from)
    digest = hashlib.sha256()
    for path in (find_model(folder), find_generator(folder, settings.generator_from)):
        if path is not None:
            read_architecture(path)
            config = storage.read_bytes(storage.join(path, CONFIG))
            line = f"{weights_digest(path)} {hashlib.sha256(config).hexdigest()}\n"
            digest.update(line.encode())
    return digest.hexdigest()
