"""Model settings and a vocabulary to one frozen architecture: every size is a number here."""

from dataclasses import dataclass

from trainer.errors import InputError
from trainer.settings import ModelSettings

# layers, hidden size, heads, intermediate size. BERT: Turc et al. 2019 and google-research/bert's
# README; a head has 64 dimensions.
SIZES: dict[str, tuple[int, int, int, int]] = {
    "tiny": (2, 128, 2, 512),
    "mini": (4, 256, 4, 1024),
    "small": (4, 512, 8, 2048),
    "medium": (8, 512, 8, 2048),
    "base": (12, 768, 12, 3072),
    "large": (24, 1024, 16, 4096),
}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The encoder's shape; with the weights it is the model."""

    type: str
    vocab_size: int
    pad_id: int
    num_layers: int
    hidden_size: int
    num_heads: int
    intermediate_size: int
    max_position: int
    type_vocab_size: int
    hidden_dropout: float
    attention_dropout: float
    initializer_range: float

    @property
    def head_size(self) -> int:
        """Dimensions of one attention head."""
        return self.hidden_size // self.num_heads


def resolve_architecture(model: ModelSettings, *, vocab_size: int, pad_id: int) -> Architecture:
    """Fills what the settings leave to the size, and checks that the parts fit together.

    Raises:
        InputError: the hidden size is not a multiple of the heads.
    """
    num_layers, hidden_size, num_heads, intermediate_size = SIZES[model.size]
    if model.hidden_size is not None and model.hidden_size != hidden_size:
        # BERT's proportions: heads of 64 dimensions, the inner layer 4 times as wide.
        hidden_size = model.hidden_size
        num_heads, intermediate_size = max(1, hidden_size // 64), 4 * hidden_size
    num_heads = model.num_heads or num_heads
    if hidden_size % num_heads:
        raise InputError(
            f"model: hidden_size {hidden_size} is not a multiple of num_heads {num_heads}. "
            f"Set model.num_heads to a divisor of {hidden_size}."
        )
    return Architecture(
        type=model.type,
        vocab_size=vocab_size,
        pad_id=pad_id,
        num_layers=model.num_layers or num_layers,
        hidden_size=hidden_size,
        num_heads=num_heads,
        intermediate_size=model.intermediate_size or intermediate_size,
        max_position=model.max_position,
        type_vocab_size=model.type_vocab_size,
        hidden_dropout=model.hidden_dropout,
        attention_dropout=model.attention_dropout,
        initializer_range=model.initializer_range,
    )
