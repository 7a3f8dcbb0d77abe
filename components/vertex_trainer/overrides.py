"""Training settings and the values of a submission, to the settings of that run, checked anew."""

import json
from collections.abc import Mapping

from pydantic import ValidationError

from core.errors import InputError
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainingSettings

Value = int | float | str

# What may be changed at submission, and where it stands in TrainingSettings.
OVERRIDES: dict[str, tuple[str, ...]] = {
    "steps": ("trainer", "steps"),
    "warmup_steps": ("trainer", "warmup_steps"),
    "learning_rate": ("trainer", "learning_rate"),
    "global_batch_size": ("trainer", "global_batch_size"),
    "seed": ("seed",),
    "model_size": ("model", "size"),
    "checkpoint_root": ("checkpoint_root",),
}
# What a size stands for; a recipe that sets one of them says more than its size does.
DIMENSIONS = ("num_layers", "hidden_size", "num_heads", "intermediate_size", "embedding_size")


class OverrideError(InputError):
    """A value that cannot be trained with."""


def override(settings: TrainingSettings, values: Mapping[str, Value]) -> TrainingSettings:
    """Puts values of a submission in the place of the recipe's.

    Args:
        settings: the recipe's.
        values: by the names in `OVERRIDES`; others are passed over.

    Raises:
        OverrideError: a value has the wrong type or lies out of range, or does not fit the rest.
    """
    changed = settings.model_dump(mode="json")
    for name, path in OVERRIDES.items():
        if name in values:
            *groups, last = path
            inner = changed
            for group in groups:
                inner = inner[group]
            inner[last] = values[name]
    try:
        result = TrainingSettings.model_validate_json(json.dumps(changed))
    except ValidationError as error:
        raise OverrideError("\n".join(_explain(error))) from error
    _check_seed(result)
    _check_warmup(result)
    if result.model.size != settings.model.size:
        _check_size(settings.model, result.model.size)
    return result


def _explain(error: ValidationError) -> list[str]:
    names = {path: name for name, path in OVERRIDES.items()}
    told = []
    for detail in error.errors():
        path = tuple(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ").rstrip(".")
        if path in names:
            told.append(f"parameter {names[path]}: {message}; got {detail['input']!r}.")
        else:  # values that do not fit together
            told.append(f"the parameters and the recipe's {'.'.join(path)} settings: {message}.")
    return told


def _check_seed(settings: TrainingSettings) -> None:
    if settings.seed < 0:  # as a recipe refuses it; the data's draws get the same seed
        raise OverrideError(
            f"parameter seed: {settings.seed} lies below 0. Give a whole number from 0 on."
        )


def _check_warmup(settings: TrainingSettings) -> None:
    warmup, steps = settings.trainer.warmup_steps, settings.trainer.steps
    if warmup >= steps:
        raise OverrideError(
            f"parameter warmup_steps: {warmup} of {steps} steps, so the learning rate would never "
            f"fall. Lower warmup_steps, or raise steps."
        )


def _check_size(model: ModelSettings, size: str) -> None:
    fixed = [name for name in DIMENSIONS if getattr(model, name) is not None]
    if model.start_from is not None:
        fixed = ["start_from"]
    if fixed:
        raise OverrideError(
            f"parameter model_size: {size} would change nothing, because the recipe sets "
            f"model.{' and model.'.join(fixed)}. Compile a recipe without, or leave model_size out."
        )
