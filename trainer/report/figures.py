"""Compute what a run costs and the loss it should start from, before the first step."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.format_numbers import format_flop, format_percent
from core.manifest import OF_SOURCE
from trainer.input.instances import Instances
from trainer.models.architecture import Architecture, generator_architecture
from trainer.models.parameters import count_parameters
from trainer.objectives.objective import Objective

INSTANCES_OF = f"instances{OF_SOURCE}"  # begins the names of counters


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of a run or of one of its phases."""

    parameters: int
    tokens_per_step: int  # including padding
    tokens_in_all: int
    epochs: float  # passes over the train split, summed over phases
    flops_per_step: float  # matrix products of the model, forward and backward
    flops_in_all: float
    expected_first_loss: float  # nats
    instances_of_sources: dict[str, float] = field(default_factory=dict)  # {}: there is one source

    def source_shares(self) -> dict[str, float]:
        """Return the share of each source of the text in the batches; {} if there is one source."""
        total = sum(self.instances_of_sources.values())
        return {n: round(number / total, 6) for n, number in self.instances_of_sources.items()}

    def lines(self) -> list[str]:
        """Return the figures as lines for a log."""
        shares = ", ".join(f"{n} {format_percent(s)}" for n, s in self.source_shares().items())
        return [
            f"Parameters: {self.parameters:,}",
            f"Tokens per step: {self.tokens_per_step:,}; in all: {self.tokens_in_all:,} "
            f"({self.epochs:.1f} epochs)",
            f"Compute per step: {format_flop(self.flops_per_step)}; in all: "
            f"{format_flop(self.flops_in_all)}",
            f"Expected first loss: {self.expected_first_loss:.2f}",
            *([f"Sources of the batches: {shares}"] if shares else []),
        ]


def compute_figures(
    objective: Objective, instances: Instances, *, batch_size: int, steps: int
) -> Figures:
    """Return the figures of a phase of the run."""
    model, size, length = objective.model, batch_size, instances.seq_length
    epochs = size * steps / instances.size("train")
    flops = size * training_flops(model.architecture, length, instances.max_predictions)
    return Figures(
        parameters=count_parameters(model.parameters()),
        tokens_per_step=size * length,
        tokens_in_all=size * length * steps,
        epochs=epochs,
        flops_per_step=flops,
        flops_in_all=flops * steps,
        expected_first_loss=objective.expected_first_loss(),
        instances_of_sources=_count_sources(instances, epochs),
    )


def _count_sources(instances: Instances, epochs: float) -> dict[str, float]:
    """Return the instances of each source in so many passes, which are in a random order."""
    counts = instances.manifest.counts.get("train", {})
    return {
        name.removeprefix(INSTANCES_OF): epochs * number
        for name, number in sorted(counts.items())
        if name.startswith(INSTANCES_OF)
    }


def sum_figures(phases: Sequence[Figures]) -> Figures:
    """Return the figures of a run; those per step are the first phase's."""
    by_source: dict[str, float] = {}
    for phase in phases:
        for name, number in phase.instances_of_sources.items():
            by_source[name] = by_source.get(name, 0.0) + number
    return replace(
        phases[0],
        tokens_in_all=sum(phase.tokens_in_all for phase in phases),
        epochs=sum(phase.epochs for phase in phases),
        flops_in_all=sum(phase.flops_in_all for phase in phases),
        instances_of_sources=by_source,
    )


def training_flops(a: Architecture, seq_length: int, max_predictions: int) -> float:
    """Return the floating-point operations to train on one instance.

    The product of (m, k) and (k, n) matrices takes 2mkn operations, and the backward pass has two
    products for each one of the forward pass. Not counted are lookups, normalization, softmax, the
    heads on [CLS], and positions that the last layer can skip: all but the masked ones and [CLS].
    """
    if a.type == "electra":
        generator = generator_architecture(a)
        products = _encoder(a, seq_length, seq_length) + a.hidden_size**2 * seq_length
        products += _encoder(generator, seq_length, max_predictions)
        products += _token_head(generator, max_predictions)
    else:
        products = _encoder(a, seq_length, max_predictions + 1) + _token_head(a, max_predictions)
    return 3 * 2.0 * products


def _encoder(a: Architecture, length: int, last_positions: int) -> int:
    """Return the multiplications of the forward pass; shared weights count once per layer."""
    h = a.hidden_size
    keys_and_values = 2 * h * h
    rest = 2 * h * h  # query, output
    rest += 2 * h * length  # query times key, attention times value
    rest += 2 * h * a.intermediate_size
    embeddings = a.embedding_size * h if a.is_projected else 0
    layers = (a.num_layers - 1) * length * (keys_and_values + rest)
    last_layer = length * keys_and_values + last_positions * rest
    return layers + last_layer + length * embeddings


def _token_head(a: Architecture, slots: int) -> int:
    return slots * a.embedding_size * (a.hidden_size + a.vocab_size)
