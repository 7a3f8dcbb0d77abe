"""Collect the facts of a training run for its model's manifest."""

import numpy as np
import tensorflow as tf
from pydantic import JsonValue

from core.provenance import git_state, hardware, image_digest
from trainer.devices.strategy import DeviceChoice, accelerators
from trainer.report.figures import Figures
from trainer.settings.training import TrainingSettings
from trainer.warm_start.digests import generator_digest, start_digest

Facts = dict[str, JsonValue]


def run_facts(settings: TrainingSettings, devices: DeviceChoice, figures: Figures) -> Facts:
    """Return the facts of a run."""
    start, generator = settings.model.start_from, settings.model.generator_from
    return {
        "strategy": devices.explanation,
        "replicas": devices.strategy.num_replicas_in_sync,
        "parameters": figures.parameters,
        "steps": settings.trainer.steps,
        "tokens_seen": figures.tokens_in_all,
        **({"source_shares": {**shares}} if (shares := figures.source_shares()) else {}),
        "seed": settings.seed,
        "start_digest": start_digest(start) if start else None,
        **({"generator_start_digest": generator_digest(generator)} if generator else {}),
        "code_digest": settings.code_digest,
        "git": git_state(),
        "image_digest": image_digest(),
        "hardware": hardware(accelerators(devices.strategy)),
        "settings": portable_settings(settings),
        # Not the version of the package, which has another name on TPUs.
        "versions": {"tensorflow": tf.__version__, "numpy": np.__version__},
    }


def portable_settings(settings: TrainingSettings) -> JsonValue:
    """Return the settings that do not depend on this machine or this version of the code."""
    dumped: JsonValue = settings.model_dump(mode="json", exclude={"checkpoint_root", "code_digest"})
    return dumped
