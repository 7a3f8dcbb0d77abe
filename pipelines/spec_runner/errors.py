"""What can be wrong with a compiled spec, and how its tasks fail."""

from pathlib import Path

from core.errors import InputError, TextmillError


class SpecError(InputError):
    """A spec, a parameter or a mapping that cannot be used."""


class TaskError(TextmillError):
    """A task that failed for good; the message holds the end of its log."""

    def __init__(self, task: str, told: str, log: Path | None = None, tail: str = "") -> None:
        shown = f"\n\n{tail}\n\nThe whole log: {log}" if log else ""
        super().__init__(f"{task} {told}.{shown}")
        self.task = task
        self.told = told
