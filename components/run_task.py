"""Run a task of a compiled spec in its container: `python -m components.run_task FLAGS`.

Textmill's compiler writes it instead of TFX's own entry point, which it calls with the same
flags. Here the tasks of TFX's components, too, read and write gs:// with bounded retries, and a
failure that Textmill can explain ends with a sentence and exit code 1, or 2 for input to fix.
SIGTERM, which a container's first process ignores by default, ends the task and what it started.
"""

from typing import Any

from absl import app

from components.tfx_internals import kubeflow_spec
from core.exit import exit_with_sentence, sigterm_raises


def main(flags: Any) -> None:
    """Run the executor that the flags name."""
    with exit_with_sentence(), sigterm_raises():
        kubeflow_spec.run_executor(flags)


if __name__ == "__main__":
    app.run(main, flags_parser=kubeflow_spec.parse_executor_flags)
