"""Fit a generator to the discriminator of the ELECTRA that starts from both."""

import dataclasses

from trainer.huggingface.read import GeneratorError, check_half, find_generator, read_architecture
from trainer.models.architecture import SIZES, Architecture, generator_architecture
from trainer.settings.model import ModelSettings

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


def with_generator(
    architecture: Architecture, settings: ModelSettings, folder: str
) -> Architecture:
    """Return an ELECTRA's architecture with the generator's share of the hidden size.

    The share comes from the generator's folder, from the discriminator's folder if Textmill wrote
    it, from the settings, or from the paper if the discriminator has one of its sizes.

    Raises:
        GeneratorError: there is no share, two sources disagree, or the generator in the folder does
            not fit the discriminator.
    """
    share = architecture.generator_share
    if settings.generator_from:
        share = _share_in_folder(settings.generator_from, architecture)
    expected = settings.generator_share
    if share and expected and abs(share - expected) > 1e-3:  # 1/3 has no exact decimal
        raise GeneratorError(
            f"{settings.generator_from or folder}: its generator's share of the hidden size is "
            f"{share:g}, and model.generator_share says {expected:g}. Remove model.generator_share."
        )
    share = share or expected or _paper_share(architecture)
    if share is None:
        raise GeneratorError(
            f"{folder}: has no generator. Set model.generator_from to the folder of one, or set "
            f"model.generator_share to the share of the hidden size for a new one."
        )
    return dataclasses.replace(architecture, generator_share=share)


def _share_in_folder(folder: str, discriminator: Architecture) -> float:
    path = find_generator(folder) or folder
    generator = read_architecture(path)
    check_half(path, is_generator=True)
    share = generator.hidden_size / discriminator.hidden_size
    expected = generator_architecture(dataclasses.replace(discriminator, generator_share=share))
    differences = [
        f"{name} {getattr(generator, name)} instead of {getattr(expected, name)}"
        for name in _COMPARED
        if getattr(generator, name) != getattr(expected, name)
    ]
    if differences:
        raise GeneratorError(
            f"{folder}: the generator does not fit this discriminator; it has "
            f"{', '.join(differences)}. Use the generator that was trained together with it."
        )
    return share


def _paper_share(architecture: Architecture) -> float | None:
    """Return the paper's share for a discriminator of this number of layers and width."""
    shares = {
        (size.num_layers, size.hidden_size): size.generator_share
        for size in SIZES["electra"].values()
    }
    return shares.get((architecture.num_layers, architecture.hidden_size))
