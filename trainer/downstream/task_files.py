"""Write the examples of tasks for a training job, and read them there."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from core import storage
from core.errors import InputError
from trainer.downstream.examples import LabeledTask, check_positions

_TASK = TypeAdapter(LabeledTask)


def write_task(task: LabeledTask, folder: str) -> str:
    """Write the examples that a probe uses as JSON, and return the path."""
    path = storage.join(folder, f"{task.name}.json")
    storage.write_bytes(path, _TASK.dump_json(replace(task, train=task.train.sample())))
    return path


def read_task_files(
    names: Sequence[str], paths: Sequence[str], positions: int
) -> list[LabeledTask]:
    """Read the files that `write_task` wrote.

    Args:
        names: `trainer.evaluate_tasks`.
        paths: of the training job.
        positions: of the model.

    Raises:
        InputError: a file is missing or invalid, a task has no file, or is longer than the model.
    """
    tasks = {task.name: task for task in map(_read, paths)}
    for name in names:
        if name not in tasks:
            raise InputError(
                f"trainer.evaluate_tasks names {name}, but the training job has no file of it. Add "
                f"it to the job's tasks; a run writes such files to model_run/tasks."
            )
        check_positions(tasks[name], positions)
    return [tasks[name] for name in names]


def digest_tasks(tasks: Sequence[LabeledTask]) -> str:
    """Return a digest of the examples, so that scores on others are not mixed with theirs."""
    return hashlib.sha256(b"".join(map(_TASK.dump_json, tasks))).hexdigest()


def _read(path: str) -> LabeledTask:
    content = storage.read_if_exists(path)
    if content is None:
        raise InputError(f"{path}: no such file. Correct the training job's tasks.")
    try:
        return _TASK.validate_json(content)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "JSON"
        raise InputError(
            f"{path}: {where}: {problem['msg']}. Name a file that a run wrote to model_run/tasks."
        ) from error
