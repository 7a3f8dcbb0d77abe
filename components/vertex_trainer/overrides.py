"""Apply the values given at submission to the training settings, and check the result."""

import json
from collections.abc import Mapping

from pydantic import ValidationError

from core.errors import InputError
from trainer.settings.model import DIMENSIONS, ModelSettings
from trainer.settings.training import TrainingSettings

Value = int | float | str

# Parameters of a submission, and their paths in TrainingSettings.
OVERRIDES: dict[str, tuple[str, ...]] = {
    "steps": ("trainer", "steps"),
    "warmup_steps": ("trainer", "warmup_steps"),
    "learning_rate": ("trainer", "learning_rate"),
    "global_batch_size": ("trainer", "global_batch_size"),
    "seed": ("seed",),
    "model_size": ("model", "size"),
    "checkpoint_root": ("checkpoint_root",),
}


class OverrideError(InputError):
    """A value of the submission that is invalid."""


def override(settings: TrainingSettings, values: Mapping[str, Value]) -> TrainingSettings:
    """Replace settings of the recipe by values of the submission.

    Args:
        settings: settings of the recipe.
        values: values by the names in `OVERRIDES`; other names are ignored.

    Raises:
        OverrideError: a value has the wrong type, is out of range, or conflicts with others.
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
    messages = []
    for detail in error.errors():
        path = tuple(str(part) for part in detail["loc"])
        message = detail["msg"].removeprefix("Value error, ").rstrip(".")
        if path in names:
            messages.append(f"parameter {names[path]}: {message}; got {detail['input']!r}.")
        else:  # values that conflict with each other
            messages.append(
                f"the parameters and the recipe's {'.'.join(path)} settings: {message}."
            )
    return messages


def _check_seed(settings: TrainingSettings) -> None:
    if settings.seed < 0:  # the data components use the same seed, and recipes reject it as well
        raise OverrideError(
            f"parameter seed: {settings.seed} is negative. Set a whole number of at least 0."
        )


def _check_warmup(settings: TrainingSettings) -> None:
    warmup, steps = settings.trainer.warmup_steps, settings.trainer.steps
    if warmup >= steps:
        raise OverrideError(
            f"parameter warmup_steps: {warmup} of {steps} steps, so the learning rate would never "
            f"decrease. Lower warmup_steps, or raise steps."
        )


def _check_size(model: ModelSettings, size: str) -> None:
    fixed = [name for name in DIMENSIONS if getattr(model, name) is not None]
    if model.start_from is not None:
        fixed = ["start_from"]
    if fixed:
        raise OverrideError(
            f"parameter model_size: {size} would have no effect, because the recipe sets "
            f"model.{' and model.'.join(fixed)}. Remove that from the recipe, or omit model_size."
        )
