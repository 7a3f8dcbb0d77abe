"""Train with the instances of several phases, and give the training the tasks that it evaluates."""

from typing import Any

from tfx.components.trainer.fn_args_utils import FnArgs

from components.artifacts import Artifacts
from components.downstream_evaluator.read_task import check_unchanged, read_task
from components.tfx_internals.executors import MultiInputTrainerExecutor
from core import storage
from trainer.downstream.task_files import write_task
from trainer.job import TASK_FILES
from trainer.settings.training import MOST_PHASES

PHASE_EXAMPLES = tuple(f"phase_{number}_examples" for number in range(2, MOST_PHASES + 1))
TASKS = "downstream_settings"  # key of `custom_config`


class Executor(MultiInputTrainerExecutor):
    """Call `run_fn` with a glob of training files for each phase, in order.

    The tasks of `trainer.evaluate_tasks` are in `custom_config`, as `downstream_settings` and
    `tasks_digest`. The training job can read neither CSV nor Parquet, so their examples are written
    to `model_run/tasks`.
    """

    MORE_EXAMPLES = PHASE_EXAMPLES

    def _GetFnArgs(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> FnArgs:
        fn_args = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        config = fn_args.custom_config
        if settings := config.get(TASKS):
            tasks = check_unchanged(settings, config["tasks_digest"]).tasks
            folder = storage.join(fn_args.model_run_dir, "tasks")
            config[TASK_FILES] = [write_task(read_task(task), folder) for task in tasks]
        return fn_args
