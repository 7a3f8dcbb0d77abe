"""Describe where a pipeline reads and writes, and what runs it."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tfx.components import Trainer
from tfx.dsl.components.base import base_node
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types.channel import BaseChannel

from components.phased_trainer.component import PhasedTrainer


@dataclass(frozen=True)
class Places:
    """Where a pipeline reads and writes; local folders or gs:// paths."""

    input_base: str | RuntimeParameter  # folder that contains all of the text
    patterns: tuple[str, ...]  # globs below it; one of them may hold {SPAN}
    pipeline_root: str
    checkpoint_root: str
    destination: str  # folder of the published models
    span: int | RuntimeParameter | None = None  # of the text; None: the newest
    metadata_path: str | None = None  # SQLite file; None where the platform keeps the metadata


class TrainerMaker(Protocol):
    """Makes the node that trains."""

    def __call__(
        self,
        *,
        examples: BaseChannel,
        run_fn: str,
        custom_config: dict[str, Any],
        base_model: BaseChannel | None,
        phases: dict[str, BaseChannel],
    ) -> base_node.BaseNode:
        """Take the arguments of TFX's Trainer, and `phases`: instances of later phases by key."""


def train_locally(
    *, phases: dict[str, BaseChannel], base_model: BaseChannel | None, **arguments: Any
) -> base_node.BaseNode:
    """Make TFX's Trainer, or Textmill's if the recipe has several phases."""
    if phases:
        return PhasedTrainer(phases=phases, base_model=base_model, **arguments)
    return Trainer(base_model=base_model, **arguments)


@dataclass(frozen=True)
class Platform:
    """What runs the pipeline; the default is this machine."""

    trainer: TrainerMaker = train_locally
    seed: RuntimeParameter | None = None  # given at submission; None: the recipe's
    # Flags of the Beam nodes; None: as many local processes as the recipe sets.
    beam_args: tuple[str, ...] | None = None
    # Resolvers that it can run: Vertex AI knows TFX's two by name and runs no other code; Kubeflow
    # runs none.
    resolvers: Literal["ours", "tfx", "none"] = "ours"
