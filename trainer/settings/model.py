"""Settings of the encoder: its type, its size and the weights that it starts from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings import LATEST_BLESSED, Settings

# Implied by `size`; a recipe may set each of them instead.
DIMENSIONS = ("num_layers", "hidden_size", "num_heads", "intermediate_size", "embedding_size")


class ElectraSettings(Settings):
    """How ELECTRA's generator and discriminator train together (Clark et al. 2020)."""

    discriminator_weight: float = Field(default=50.0, gt=0, le=10_000)
    """Weight of the discriminator's loss; the generator's loss has weight 1."""
    temperature: float = Field(default=1.0, gt=0, le=100)
    """Temperature of the softmax from which the generator's tokens are sampled."""
    embedding_sharing: Literal["shared", "disentangled", "none"] = "shared"
    """Embeddings of generator and discriminator. shared (ELECTRA): one set, which both losses
    change. disentangled (DeBERTaV3): the discriminator adds a set of its own to the generator's,
    which only the generator's loss changes. none: two sets. Both need the memory of a second set
    while training; published models have the same format and speed."""


class ModelSettings(Settings):
    """The encoder. `size` provides the fields that are left out."""

    type: Literal["bert", "albert", "electra"] = "bert"
    """Model family: bert (Devlin et al. 2019), albert (Lan et al. 2020), electra (Clark et al.
    2020)."""
    start_from: str | None = None
    """Folder written by `transformers` or Textmill whose architecture and weights are the start;
    `size` is then ignored and `vocabulary.import_from` must name the same folder. latest_blessed:
    the newest blessed model of this pipeline, if there is one. None: random weights."""
    generator_from: str | None = None
    """electra: folder of the generator (ElectraForMaskedLM) for the discriminator in `start_from`.
    None: the generator in `start_from`, if Textmill wrote that folder, or else random weights."""
    size: Literal["tiny", "mini", "small", "medium", "base", "large", "xlarge", "xxlarge"] = "tiny"
    """Published size. bert: tiny to large; albert: tiny, base to xxlarge; electra: tiny, small,
    base, large."""
    embedding_size: int | None = Field(default=None, ge=8, le=1 << 15)
    """albert, electra: dimensions of an embedding. BERT uses `hidden_size`."""
    generator_share: float | None = Field(default=None, gt=0, le=1)
    """electra: width of the generator as a fraction of the discriminator's."""
    num_layers: int | None = Field(default=None, ge=1, le=1000)
    """Number of transformer layers."""
    hidden_size: int | None = Field(default=None, ge=8, le=1 << 15)
    """Dimensions of a token's hidden state."""
    num_heads: int | None = Field(default=None, ge=1, le=1000)
    """Number of attention heads; by default hidden_size / 64 if `hidden_size` is set (BERT)."""
    intermediate_size: int | None = Field(default=None, ge=8, le=1 << 17)
    """Dimensions inside the feed-forward block; by default 4 * hidden_size if `hidden_size` is set
    (BERT)."""
    max_position: int = Field(default=512, ge=8, le=1 << 15)
    """Longest input in tokens: the number of position embeddings (BERT)."""
    type_vocab_size: int = Field(default=2, ge=1, le=1000)
    """Number of segment embeddings (BERT)."""
    hidden_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout rate of hidden states (BERT)."""
    attention_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout rate of attention probabilities (BERT)."""
    initializer_range: float = Field(default=0.02, gt=0, le=1)
    """Standard deviation of the truncated normal that weights are drawn from (BERT)."""
    position_start: Literal["drawn", "sinusoidal"] = "drawn"
    """Initial position embeddings: drawn like the other weights (BERT), or sine waves of the same
    norm (Vaswani et al. 2017, 3.5), with which attention by distance is learned much sooner."""
    electra: ElectraSettings = ElectraSettings()
    """Settings that only electra uses."""

    @model_validator(mode="after")
    def _check_generator(self) -> Self:
        if self.generator_from is None:
            return self
        if self.type != "electra" or self.start_from in (None, LATEST_BLESSED):
            raise ValueError(
                "generator_from needs an electra whose discriminator is in the folder start_from. "
                "Set type: electra and start_from, or remove generator_from."
            )
        return self
