"""Train with the instances of several phases."""

from components.tfx_internals.executors import MultiInputTrainerExecutor
from trainer.settings.training import MOST_PHASES

PHASE_EXAMPLES = tuple(f"phase_{number}_examples" for number in range(2, MOST_PHASES + 1))


class Executor(MultiInputTrainerExecutor):
    """Call `run_fn` with a glob of training files for each phase, in order."""

    MORE_EXAMPLES = PHASE_EXAMPLES
