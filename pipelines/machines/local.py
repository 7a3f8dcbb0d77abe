"""Find the memory of this machine's devices, and check that a training fits into it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import InputError
from pipelines.machines.fit import GIGA, PREDICTION_ERROR, predict_largest
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import trains

CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
MIB = 2**20


def check_local_memory(
    recipe: Recipe, to_node: str | None, is_cached: Callable[[], bool] = lambda: False
) -> None:
    """Check that a training fits this machine, if a run up to a node trains at all.

    `is_cached`, which takes seconds, says whether the training would come from the cache.

    Raises:
        InputError: it needs more memory.
    """
    problem = explain_local_memory(recipe) if trains(recipe, to_node) else None
    if problem and not is_cached():
        raise InputError(problem)


def explain_local_memory(recipe: Recipe) -> str | None:
    """Return why a training does not fit this machine's devices; None if it does, or for a TPU.

    On a CPU, whose step is not one program, a training needs more than is predicted: 1.4 to 2.7
    times as much in four measurements of tiny models (November 2026). So this refuses too little.
    """
    from trainer.devices.libtpu import is_tpu_chosen

    device = recipe.trainer.device
    if is_tpu_chosen(device):
        return None
    gpus = [] if device == "cpu" else _find_gpus()
    memory = gpu_memory() if gpus else host_memory()
    if memory is None:
        return None
    fit = predict_largest(recipe, memory / GIGA, max(1, len(gpus)))
    if fit.needed_gb <= fit.device_gb * (1 + PREDICTION_ERROR):
        return None
    remedy = (
        f"At most {fit.most_instances} fit: raise trainer.accumulate_steps (the result is the "
        f"same), or set trainer.recompute to layers."
        if fit.most_instances
        else "Not even one fits: choose a smaller model.size."
    )
    return (
        f"{fit.instances} instances at once need about {fit.needed_gb:.1f} GiB, and the "
        f"{'GPU' if gpus else 'memory'} of this machine has {fit.device_gb:.1f}. {remedy}"
    )


def _find_gpus() -> list[Any]:
    import tensorflow as tf

    gpus: list[Any] = tf.config.list_physical_devices("GPU")
    return gpus


def host_memory() -> int:
    """Return the memory of this machine, or of this container, in bytes."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = CONTAINER_LIMIT.read_text("utf-8").strip() if CONTAINER_LIMIT.exists() else "max"
    return min(total, int(limit)) if limit.isdigit() else total


def gpu_memory() -> int | None:
    """Return the memory in bytes of the smallest GPU; None if the driver does not tell."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(  # noqa: S603 - the driver's own program
            query, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    sizes = [int(line) for line in done.stdout.split() if line.isdigit()]
    return min(sizes) * MIB if sizes else None
