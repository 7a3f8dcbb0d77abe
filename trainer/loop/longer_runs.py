"""Continue a run with more or fewer steps from the part that both runs compute equally."""

import re

from core import storage
from trainer.loop.checkpoints import starts_over, step_of
from trainer.loop.sealed_files import SUFFIX
from trainer.settings.training import TrainerSettings

STEPS = re.compile(r"-(\d+)/step-")  # of the run, in the name of its folder


def shared_checkpoints(settings: TrainerSettings, folder: str) -> tuple[list[str], str | None]:
    """Find the checkpoints of runs that differ only in their number of steps.

    Args:
        settings: of this run.
        folder: of this run's checkpoints, whose name ends with the number of steps.

    Returns:
        Those that this run would also make, the oldest first; and a sentence that says why none can
        be used although there are such runs.
    """
    if starts_over():
        return [], None
    family = folder.rpartition("-")[0]
    paths = storage.list_files(f"{family}-*/step-*{SUFFIX}")
    other = [path for path in paths if not path.startswith(f"{folder}/")]
    shared = [path for path in other if step_of(path) <= shared_steps(settings, _steps(path))]
    if shared and settings.export == "last":
        return sorted(shared, key=step_of), None
    return [], _explain(settings, max(map(_steps, other))) if other else None


def shared_steps(settings: TrainerSettings, others: int) -> int:
    """Return how many steps a run of `others` steps in all computes equally."""
    start = max((p.from_step for p in settings.phases if p.learning_rate is not None), default=0)
    last = settings.by_phase()[-1]
    length = min(settings.steps, others) - start
    if last.schedule == "stable":
        equal = length - last.decay_steps
    else:
        # The warm-up of `product` depends on the number of steps, too.
        equal = min(length, last.warmup_steps) if last.schedule == "linear" else 0
    return start + max(0, equal)


def _steps(path: str) -> int:
    match = STEPS.search(path)
    return int(match[1]) if match else 0


def _explain(settings: TrainerSettings, others: int) -> str:
    beginning = (
        f"A run with the same settings and {others:,} steps cannot be continued to "
        f"{settings.steps:,}: "
    )
    if settings.export == "best":
        return beginning + (
            "with trainer.export: best, the best weights of all steps are needed. Training starts "
            "at step 0. Set trainer.export to last to continue."
        )
    return beginning + (
        f"with trainer.schedule: {settings.schedule}, the learning rate depends on trainer.steps "
        f"from step {shared_steps(settings, others):,} on. Training starts at step 0. To train the "
        f"finished model further, set model.start_from and vocabulary.import_from to its folder. "
        f"To be able to add steps, set trainer.schedule to stable."
    )
