"""What a spec asks for and a laptop cannot do, named before anything runs."""

import shutil
from collections.abc import Iterator

from pipelines.spec_runner.errors import SpecError
from pipelines.spec_runner.processes.processes import search_path
from pipelines.spec_runner.spec.condition import parse_condition
from pipelines.spec_runner.spec.spec_file import Executor, Spec, Task

# Parts of a command that give away what it needs.
_INSTALLS = ("pip install", "ensurepip", "apt-get")
_CLOUD = "google_cloud_pipeline_components"


def check_supported(spec: Spec) -> None:
    """Goes through every task.

    Raises:
        SpecError: all that cannot be run here, a line each, with what to do.
    """
    problems = [
        f"{where}: {problem}"
        for where, task in spec.walk()
        for problem in (*_of_task(task), *_of_executor(spec, task))
    ]
    if problems:
        raise SpecError(
            f"{spec.path}: run-spec cannot run this pipeline:\n  "
            + "\n  ".join(dict.fromkeys(problems))
        )


def _of_task(task: Task) -> Iterator[str]:
    if task.WhichOneof("iterator"):
        yield "is a loop (ParallelFor), which is not supported; write its tasks out."
    for name, parameter in task.inputs.parameters.items():
        if parameter.parameter_expression_selector:
            yield (
                f"its parameter {name} selects a part of another value "
                f"({parameter.parameter_expression_selector}), which is not supported."
            )
        if parameter.runtime_value.WhichOneof("value") in ("runtime_parameter", "constant_value"):
            yield f"its parameter {name} is in the form of schema 2.0. Compile it for schema 2.1."
    try:
        if task.trigger_policy.condition:
            parse_condition(task.trigger_policy.condition)
    except SpecError as error:
        yield str(error)


def _of_executor(spec: Spec, task: Task) -> Iterator[str]:
    component = spec.component(task)
    if component.WhichOneof("implementation") == "dag":
        return
    executor = spec.executor(component)
    kind = executor.WhichOneof("spec")
    if kind == "custom_job":
        yield "is a CustomJob of the spec itself; use TFX's Vertex Trainer, or a container."
    elif kind == "container":
        yield from _of_container(executor)
    elif kind is None:
        yield "has an executor of a kind that is not known here."


def _of_container(executor: Executor) -> Iterator[str]:
    container = executor.container
    words = [*container.command, *container.args]
    if not container.command:
        yield (
            f"has no command, so its image's own entry point would run ({container.image}); "
            f"images are not started here. Give the component a command."
        )
        return
    if any(_CLOUD in word for word in words):
        yield "calls Google Cloud services (google-cloud-pipeline-components), which are not here."
    installs = next((i for i in _INSTALLS for word in words if i in word), None)
    if installs:
        yield (
            f"installs packages when it starts ({installs}), which would change this machine. "
            f"With kfp, compile it with install_kfp_package=False and without "
            f"packages_to_install, and install them here."
        )
    program = container.command[0]
    if "{{$" not in program and shutil.which(program, path=search_path()) is None:
        yield f"runs {program!r}, which is in its image ({container.image}) and not here."
