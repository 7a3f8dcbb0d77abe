"""Check that a training fits a machine: its devices, the batch, and the memory."""

from dataclasses import dataclass

from core.errors import InputError
from pipelines.machines.presets import Preset
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import list_phases, recipe_architecture

GIGA = 2**30
PREDICTION_ERROR = 0.15  # of the predicted memory


@dataclass(frozen=True, kw_only=True)
class MemoryFit:
    """The memory of each device in the phase that needs the most."""

    needed_gb: float
    device_gb: float
    instances: int  # that a device computes at once
    most_instances: int  # that would fit


def predict_fit(recipe: Recipe, machine: Preset) -> MemoryFit | None:
    """Predict the memory of a training on a machine; None on a CPU, whose step is not compiled."""
    if machine.device_gb is None:
        return None
    return predict_largest(recipe, machine.device_gb, machine.devices)


def predict_largest(recipe: Recipe, device_gb: float, replicas: int) -> MemoryFit:
    """Predict the memory of the phase that needs the most, on devices of a size in GiB."""
    from trainer.report.memory import largest_batch, predict_memory, rows_at_once

    architecture = recipe_architecture(recipe)
    fits = []
    for phase in list_phases(recipe):
        rows = rows_at_once(phase.trainer, replicas)
        shape = {"seq_length": phase.seq_length, "slots": phase.slots, "replicas": replicas}
        needed = predict_memory(architecture, phase.trainer, rows=rows, **shape)
        memory = device_gb * GIGA
        most = largest_batch(architecture, phase.trainer, memory=memory, **shape)
        fits.append(
            MemoryFit(
                needed_gb=needed / GIGA, device_gb=device_gb, instances=rows, most_instances=most
            )
        )
    return max(fits, key=lambda fit: fit.needed_gb)


def check_machine(recipe: Recipe, machine: Preset) -> None:
    """Check that a machine can train a recipe.

    Raises:
        InputError: `trainer.device` is another kind, the devices do not divide a batch, or their
            memory is too small.
    """
    from trainer.devices.batch import check_batch

    if recipe.trainer.device not in ("auto", machine.image):
        raise InputError(
            f"vertex.training.machine {machine.name} trains on a {machine.image}, but "
            f"trainer.device is {recipe.trainer.device}. Set trainer.device to auto."
        )
    for phase in list_phases(recipe):
        check_batch(phase.trainer, machine.devices)
    fit = predict_fit(recipe, machine)
    if fit and fit.needed_gb > fit.device_gb * (1 + PREDICTION_ERROR):
        raise InputError(
            f"vertex.training.machine {machine.name}: {fit.instances} instances at once need about "
            f"{fit.needed_gb:.0f} GiB on each device, which has {fit.device_gb}. At most "
            f"{fit.most_instances} fit: raise trainer.accumulate_steps (the result is the same), "
            f"or set trainer.recompute to layers."
        )
