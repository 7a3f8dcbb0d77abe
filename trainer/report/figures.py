"""Settings to the figures that are known before step 0: what a run costs and where it starts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trainer.models.architecture import Architecture, generator_architecture


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What can be worked out before a run."""

    parameters: int
    tokens_per_step: int  # slots, padding among them
    tokens_in_all: int
    epochs: float  # passes over the train split; of phases, over each one's
    flops_per_step: float  # of the model's matrix products, forward and backward
    flops_in_all: float
    expected_first_loss: float  # nats

    def lines(self) -> list[str]:
        """The figures as sentences for a log."""
        return [
            f"Parameters: {self.parameters:,}",
            f"Tokens a step: {self.tokens_per_step:,}; in all: {self.tokens_in_all:,} "
            f"({self.epochs:.1f} epochs)",
            f"Model FLOPs a step: {self.flops_per_step:.3g}; in all: {self.flops_in_all:.3g}",
            f"Expected first loss: {self.expected_first_loss:.2f}",
        ]


def work_out(
    architecture: Architecture,
    *,
    parameters: int,
    seq_length: int,
    max_predictions: int,
    batch_size: int,
    steps: int,
    instances: int,
    expected_first_loss: float,
) -> Figures:
    """Works out a run's figures."""
    flops = batch_size * training_flops(architecture, seq_length, max_predictions)
    return Figures(
        parameters=parameters,
        tokens_per_step=batch_size * seq_length,
        tokens_in_all=batch_size * seq_length * steps,
        epochs=batch_size * steps / instances,
        flops_per_step=flops,
        flops_in_all=flops * steps,
        expected_first_loss=expected_first_loss,
    )


def add_up(phases: Sequence[Figures]) -> Figures:
    """The figures of a run from those of its phases; what a step costs is the first phase's."""
    return replace(
        phases[0],
        tokens_in_all=sum(phase.tokens_in_all for phase in phases),
        epochs=sum(phase.epochs for phase in phases),
        flops_in_all=sum(phase.flops_in_all for phase in phases),
    )


def training_flops(a: Architecture, seq_length: int, max_predictions: int) -> float:
    """Floating point operations of one instance's update.

    A matrix product of (m, k) and (k, n) is 2mkn; the backward pass has two for each of the
    forward pass. Look-ups, normalisation, softmax and the heads on [CLS] are left out, and so is
    what the last layer need not work out: all but the masked positions and [CLS].
    """
    if a.type == "electra":
        generator = generator_architecture(a)
        products = _encoder(a, seq_length, seq_length) + a.hidden_size**2 * seq_length
        products += _encoder(generator, seq_length, max_predictions)
        products += _token_head(generator, max_predictions)
    else:
        products = _encoder(a, seq_length, max_predictions + 1) + _token_head(a, max_predictions)
    return 3 * 2.0 * products


def _encoder(a: Architecture, length: int, wanted: int) -> int:
    """Multiplications of the forward pass; weights that layers share are used by each.

    Args:
        a: the sizes.
        length: L.
        wanted: the positions that the last layer is worked out at.
    """
    h = a.hidden_size
    keys = 2 * h * h  # and values
    rest = 2 * h * h  # query, output
    rest += 2 * h * length  # query times key, shares times value
    rest += 2 * h * a.intermediate_size
    embeddings = a.embedding_size * h if a.is_projected else 0
    layers = (a.num_layers - 1) * length * (keys + rest) + length * keys + wanted * rest
    return layers + length * embeddings


def _token_head(a: Architecture, slots: int) -> int:
    return slots * a.embedding_size * (a.hidden_size + a.vocab_size)
