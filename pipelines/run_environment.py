"""Describe where a pipeline reads and writes, and what runs it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tfx.components import Trainer
from tfx.dsl.components.base import base_node
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types.channel import BaseChannel

from components.phased_trainer.component import PhasedTrainer
from components.phased_trainer.executor import TASKS
from components.text_example_gen.reading.find_sources import Patterns


@dataclass(frozen=True)
class Locations:
    """Where a pipeline reads and writes; local folders or gs:// paths."""

    input_base: str | RuntimeParameter  # folder that contains all of the text
    # Globs below it, one of which may hold {SPAN}; for several sources, those of each by its name.
    patterns: Patterns
    pipeline_root: str
    checkpoint_root: str
    destination: str  # folder of the published models
    span: int | RuntimeParameter | None = None  # of the text; None: the newest
    registry: str | None = None  # a model of Vertex AI's Model Registry; None: none
    metadata_path: str | None = None  # SQLite file; None where the platform keeps the metadata


def make_local_trainer(
    *,
    phases: dict[str, BaseChannel],
    base_model: BaseChannel | None,
    custom_config: dict[str, str],
    **arguments: Any,
) -> base_node.BaseNode:
    """Make TFX's Trainer, or Textmill's if the recipe has several phases or evaluates tasks."""
    arguments |= {"base_model": base_model, "custom_config": custom_config}
    if phases or TASKS in custom_config:
        return PhasedTrainer(phases=phases, **arguments)
    return Trainer(**arguments)


@dataclass(frozen=True)
class Platform:
    """What runs the pipeline; the default is this machine."""

    # Makes the Trainer from the arguments of TFX's, and `phases`: instances of later phases by key.
    trainer: Callable[..., base_node.BaseNode] = make_local_trainer
    seed: RuntimeParameter | None = None  # given at submission; None: the recipe's
    # Flags of the Beam nodes; None: as many local processes as the recipe sets.
    beam_args: tuple[str, ...] | None = None
    # Resolvers that it can run: Vertex AI knows TFX's two by name and runs no other code; Kubeflow
    # runs none.
    resolvers: Literal["ours", "tfx", "none"] = "ours"
