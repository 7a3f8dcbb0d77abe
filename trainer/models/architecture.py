"""Resolve model settings to an architecture, in which every size is a number."""

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import InputError
from trainer.settings.model import ModelSettings

LAYER_NORM_EPSILON = 1e-12  # BERT's, not Keras's 1e-3
MASKED_SCORE = -1e9  # added to scores of padding; its exp is 0 in float32 and bfloat16


class Size(NamedTuple):
    """The numbers behind a published size's name."""

    num_layers: int
    hidden_size: int
    num_heads: int
    intermediate_size: int
    embedding_size: int
    generator_share: float | None = None  # ELECTRA: width relative to the discriminator's


SIZES: dict[str, dict[str, Size]] = {
    # Turc et al. 2019 and google-research/bert's README; a head has 64 dimensions.
    "bert": {
        "tiny": Size(2, 128, 2, 512, 128),
        "mini": Size(4, 256, 4, 1024, 256),
        "small": Size(4, 512, 8, 2048, 512),
        "medium": Size(8, 512, 8, 2048, 512),
        "base": Size(12, 768, 12, 3072, 768),
        "large": Size(24, 1024, 16, 4096, 1024),
    },
    # Lan et al. 2020, table 1; tiny is ours, for experiments.
    "albert": {
        "tiny": Size(2, 128, 2, 512, 64),
        "base": Size(12, 768, 12, 3072, 128),
        "large": Size(24, 1024, 16, 4096, 128),
        "xlarge": Size(24, 2048, 16, 8192, 128),
        "xxlarge": Size(12, 4096, 64, 16384, 128),
    },
    # Clark et al. 2020, table 6; tiny is ours.
    "electra": {
        "tiny": Size(2, 128, 2, 512, 128, 0.5),
        "small": Size(12, 256, 4, 1024, 128, 1 / 4),
        "base": Size(12, 768, 12, 3072, 768, 1 / 3),
        "large": Size(24, 1024, 16, 4096, 1024, 1 / 4),
    },
}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The sizes of an encoder and its heads; with the weights, it is the model."""

    type: str
    vocab_size: int
    pad_id: int
    num_layers: int
    hidden_size: int
    num_heads: int
    intermediate_size: int
    embedding_size: int  # of words, positions, segments; projected if not hidden_size
    max_position: int
    type_vocab_size: int
    hidden_dropout: float
    attention_dropout: float
    initializer_range: float
    position_start: str = "drawn"  # or "sinusoidal"
    activation: str = "gelu"  # or "gelu_new", the tanh form of some published ALBERTs
    generator_share: float | None = None  # ELECTRA: of hidden_size, num_heads, intermediate_size
    sequence_classes: int = 2  # of the head on [CLS] (BERT, ALBERT)
    embedding_sharing: str = "shared"  # ELECTRA: or "disentangled", or "none"

    @property
    def head_size(self) -> int:
        """Return the dimensions of one attention head."""
        return self.hidden_size // self.num_heads

    @property
    def is_projected(self) -> bool:
        """Return whether embeddings have another size than hidden states."""
        return self.embedding_size != self.hidden_size


def resolve_architecture(
    model: ModelSettings, *, vocab_size: int, pad_id: int, sequence_classes: int = 2
) -> Architecture:
    """Fill in the fields that the settings leave to the size, and check that they fit together.

    Raises:
        InputError: the type has no such size or field, or the hidden size is not a multiple of the
            number of heads.
    """
    _check_fields(model)
    sizes = SIZES[model.type]
    if model.size not in sizes:
        raise InputError(
            f"model: {model.type} has no size {model.size}. Use one of {', '.join(sizes)}."
        )
    size = _override(sizes[model.size], model)
    if size.hidden_size % size.num_heads:
        raise InputError(
            f"model: hidden_size {size.hidden_size} is not a multiple of num_heads "
            f"{size.num_heads}. Set model.num_heads to a divisor of {size.hidden_size}."
        )
    return Architecture(
        type=model.type,
        vocab_size=vocab_size,
        pad_id=pad_id,
        **size._asdict(),
        max_position=model.max_position,
        type_vocab_size=model.type_vocab_size,
        hidden_dropout=model.hidden_dropout,
        attention_dropout=model.attention_dropout,
        initializer_range=model.initializer_range,
        position_start=model.position_start,
        sequence_classes=sequence_classes,
        embedding_sharing=model.electra.embedding_sharing,
    )


def generator_architecture(discriminator: Architecture) -> Architecture:
    """Return the architecture of ELECTRA's generator: as deep, but narrower."""
    width = discriminator.generator_share or 1.0
    hidden_size = round(discriminator.hidden_size * width)
    num_heads = max(1, round(discriminator.num_heads * width))
    return dataclasses.replace(
        discriminator,
        hidden_size=hidden_size - hidden_size % num_heads,
        num_heads=num_heads,
        intermediate_size=round(discriminator.intermediate_size * width),
    )


def _check_fields(model: ModelSettings) -> None:
    """Reject fields that the type does not have, instead of ignoring them."""
    types = {"embedding_size": ("albert", "electra"), "generator_share": ("electra",)}
    for name, owners in types.items():
        if getattr(model, name) is not None and model.type not in owners:
            raise InputError(
                f"model: {model.type} has no {name}; only {' and '.join(owners)} "
                f"{'have' if len(owners) > 1 else 'has'} it. Remove model.{name}."
            )


def _override(size: Size, model: ModelSettings) -> Size:
    """Apply the settings to a size; another hidden_size implies BERT's proportions."""
    if model.hidden_size is not None and model.hidden_size != size.hidden_size:
        tied = size.embedding_size == size.hidden_size
        size = size._replace(
            hidden_size=model.hidden_size,
            num_heads=max(1, model.hidden_size // 64),
            intermediate_size=4 * model.hidden_size,
            embedding_size=model.hidden_size if tied else size.embedding_size,
        )
    values = {name: getattr(model, name) for name in Size._fields}
    return size._replace(**{name: value for name, value in values.items() if value is not None})
