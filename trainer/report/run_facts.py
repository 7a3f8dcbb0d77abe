"""A training run to what its model's manifest says of it."""

import numpy as np
import tensorflow as tf
from pydantic import JsonValue

from core.provenance import git_state, hardware, image_digest
from trainer.devices.strategy import Choice, accelerators
from trainer.huggingface.weights import weights_digest
from trainer.report.figures import Figures
from trainer.settings.training import TrainingSettings
from trainer.warm_start.files import start_digest
from trainer.warm_start.generator import generator_folder

Facts = dict[str, JsonValue]


def facts_of(settings: TrainingSettings, choice: Choice, figures: Figures) -> Facts:
    """What the model's manifest says of the run."""
    start, generator = settings.model.start_from, settings.model.generator_from
    halves = (
        {"generator_start_digest": weights_digest(generator_folder(generator))} if generator else {}
    )
    return {
        "strategy": choice.explanation,
        "replicas": choice.strategy.num_replicas_in_sync,
        "parameters": figures.parameters,
        "steps": settings.trainer.steps,
        "tokens_seen": figures.tokens_in_all,
        "seed": settings.seed,
        "start_digest": start_digest(start) if start else None,
        **halves,
        "code_digest": settings.code_digest,
        "git": git_state(),
        "image_digest": image_digest(),
        "hardware": hardware(accelerators(choice.strategy)),
        "settings": told(settings),
        # Not the package's: on TPUs it has another name.
        "versions": {"tensorflow": tf.__version__, "numpy": np.__version__},
    }


def told(settings: TrainingSettings) -> JsonValue:
    """The settings without what only this code and this machine have."""
    kept: JsonValue = settings.model_dump(mode="json", exclude={"checkpoint_root", "code_digest"})
    return kept
