"""Convert the embeddings of an ELECTRA between what is trained and what is published.

A published ELECTRA is two folders, each with the whole embeddings of its half. Training keeps one
set (`shared`), two sets (`none`), or the generator's set and what the discriminator adds to it
(`disentangled`).
"""

import dataclasses
import logging

import numpy as np

from core.errors import InputError
from trainer.models.architecture import Architecture
from trainer.models.electra import DELTA, EMBEDDINGS, GENERATOR

log = logging.getLogger(__name__)
Values = dict[str, np.ndarray]


def fold(a: Architecture, values: Values) -> tuple[Architecture, Values]:
    """Return what is published: the discriminator's embeddings are the sum of both parts."""
    if a.embedding_sharing != "disentangled":
        return a, values
    folded = {name: value for name, value in values.items() if not _is_part(name, DELTA)}
    for name in [name for name in folded if _is_part(name, EMBEDDINGS)]:
        folded[GENERATOR + name] = values[name]
        folded[name] = values[name] + values[name.replace(EMBEDDINGS, DELTA)]
    return dataclasses.replace(a, embedding_sharing="none"), folded


def unfold(values: Values, sharing: str, folder: str) -> Values:
    """Return the weights to train, from those of both published halves.

    With `shared`, the discriminator's embeddings are used for both halves.

    Args:
        values: of both halves, or of the discriminator alone.
        sharing: the setting.
        folder: of the discriminator, for messages.

    Raises:
        InputError: the halves have embeddings of different shapes.
    """
    unfolded = {n: v for n, v in values.items() if not _is_part(n, GENERATOR + EMBEDDINGS)}
    for name in [name for name in unfolded if _is_part(name, EMBEDDINGS)]:
        own, shared = values[name], values.get(GENERATOR + name)
        if shared is not None and shared.shape != own.shape:
            raise InputError(
                f"{folder}: {name} has the shape {own.shape}, and {shared.shape} in its generator. "
                f"Use the generator that was trained together with it."
            )
        if sharing == "shared":
            if shared is not None and not np.array_equal(own, shared):
                log.warning("%s: %s differs from the generator's; both will use it", folder, name)
        elif sharing == "disentangled":
            unfolded[name] = own if shared is None else shared
            unfolded[name.replace(EMBEDDINGS, DELTA)] = own - unfolded[name]
        elif shared is not None:
            unfolded[GENERATOR + name] = shared
    return unfolded


def _is_part(name: str, embeddings: str) -> bool:
    return name.startswith(f"{embeddings}.")
