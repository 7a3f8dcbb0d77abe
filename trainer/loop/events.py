"""Name the events of the training loop."""

from collections.abc import Callable
from dataclasses import dataclass

from trainer.report.progress import Scalars


@dataclass(frozen=True, kw_only=True)
class LoopEvents:
    """What happens between steps. Each handler gets the number of steps done so far."""

    on_first_step: Callable[[int], None]
    """After the first step, which compiles; not called if that step is logged."""
    on_log: Callable[[int, Scalars], None]
    """Every `log_every_steps` and at the end of a phase, with the means since the last time."""
    on_evaluate: Callable[[int], None] | None = None
    """Every `evaluate_every_steps` and at the end of the run; None: never."""
    on_save: Callable[[int], object]
    """Every `save_every_steps`, at the end of a phase, and before the run is stopped."""
    on_stop: Callable[[int], None]
    """After a stop signal, when the state is saved."""
