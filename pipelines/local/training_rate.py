"""Measure how fast this machine trains a recipe, once per workdir."""

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict

from core import storage
from core.errors import InputError, TextmillError
from core.format_numbers import format_moment
from core.json_object import read_json
from pipelines.recipe.budget import Rate
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import list_phases, recipe_architecture
from pipelines.workdir import Workdir
from trainer.settings.training import TrainerSettings, TrainingSettings

RATES = "rates.json"
# Settings that change the speed of a step.
TRAINER = (
    "global_batch_size",
    "accumulate_steps",
    "optimizer",
    "precision",
    "device",
    "compile",
    "recompute",
)


def find_rate(recipe: Recipe, workdir: Workdir, *, record: bool = True) -> Rate:
    """Return the speed that was recorded in the workdir, or else measure it.

    With the recorded speed, the same budget is always the same number of steps, and so a finished
    training is cached.

    Args:
        recipe: its first phase is measured.
        workdir: holds `rates.json`.
        record: whether to record a new measurement.

    Raises:
        InputError: other workers would train, too.
        TextmillError: the measurement failed.
    """
    path = str(workdir.root / RATES)
    rates = read_json(path) if storage.exists(path) else {}
    work = _describe(recipe)
    key = hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()[:20]
    if key in rates:
        return Rate(rates[key]["tokens_per_second"], f"measured before, in {path}")
    if os.environ.get("TF_CONFIG"):
        raise InputError(
            "trainer.budget is a time, and TF_CONFIG names other workers, with which the speed "
            "cannot be measured. Set trainer.budget_rate to the tokens per second of all."
        )
    speed = _measure(work)
    if not record:
        return Rate(speed, "measured now; a run measures again, and records it")
    moment = format_moment(time.time())
    rates[key] = {"tokens_per_second": speed, "measured": moment, "recipe": recipe.name}
    storage.write_bytes(path, (json.dumps(rates, indent=1) + "\n").encode())
    return Rate(speed, f"measured now, and recorded in {path}")


def _describe(recipe: Recipe) -> dict[str, object]:
    """Return everything that the speed depends on, and that `trainer.measure_rate` reads."""
    first = list_phases(recipe)[0]
    settings = TrainingSettings(
        model=recipe.model.model_copy(update={"start_from": None, "generator_from": None}),
        masking=recipe.masking,
        trainer=TrainerSettings(**{name: getattr(recipe.trainer, name) for name in TRAINER}),
        seed=0,
        checkpoint_root="",
    )
    return {
        "settings": settings.model_dump(mode="json"),
        "architecture": asdict(recipe_architecture(recipe)),
        "objective": recipe.instances.objective,
        "seq_length": first.seq_length,
        "slots": first.slots,
    }


def _measure(work: dict[str, object]) -> float:
    """Measure in a process of its own, which leaves devices and memory as they were."""
    command = [sys.executable, "-m", "trainer.measure_rate", json.dumps(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        raise TextmillError(
            f"The speed of the training could not be measured for trainer.budget: "
            f"{(done.stderr.strip().splitlines() or ['no message'])[-1]}. Set trainer.budget_rate "
            f"to the tokens per second, or trainer.steps."
        )
    return float(done.stdout.strip().splitlines()[-1])
