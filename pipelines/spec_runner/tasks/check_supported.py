"""Report every part of a spec that cannot run on this machine, before anything runs."""

import shutil
from collections.abc import Iterator

from pipelines.spec_runner.processes.run_process import search_path
from pipelines.spec_runner.spec.condition import parse_condition
from pipelines.spec_runner.spec.errors import SpecError
from pipelines.spec_runner.spec.spec_file import Executor, Spec, Task

# Commands that install packages.
_INSTALLERS = ("pip install", "ensurepip", "apt-get")
_CLOUD = "google_cloud_pipeline_components"


def check_supported(spec: Spec, *, in_containers: bool) -> None:
    """Check every task.

    Args:
        spec: the spec.
        in_containers: images are started, so that commands need nothing of this machine.

    Raises:
        SpecError: lists everything that cannot run here, one line each, with the remedy.
    """
    problems = [
        f"{path}: {problem}"
        for path, task in spec.walk()
        for problem in (*_task_problems(task), *_executor_problems(spec, task, in_containers))
    ]
    if problems:
        raise SpecError(
            f"{spec.path}: run-spec cannot run this pipeline:\n  "
            + "\n  ".join(dict.fromkeys(problems))
        )


def _task_problems(task: Task) -> Iterator[str]:
    if task.WhichOneof("iterator"):
        yield "is a loop (ParallelFor), which is not supported. Write its tasks out."
    for name, parameter in task.inputs.parameters.items():
        if parameter.parameter_expression_selector:
            yield (
                f"its parameter {name} selects a part of another value "
                f"({parameter.parameter_expression_selector}), which is not supported."
            )
        if parameter.runtime_value.WhichOneof("value") in ("runtime_parameter", "constant_value"):
            yield f"its parameter {name} uses schema 2.0. Compile the pipeline for schema 2.1."
    try:
        if task.trigger_policy.condition:
            parse_condition(task.trigger_policy.condition)
    except SpecError as error:
        yield str(error)


def _executor_problems(spec: Spec, task: Task, in_containers: bool) -> Iterator[str]:
    component = spec.component(task)
    if component.WhichOneof("implementation") == "dag":
        return
    executor = spec.executor(component)
    kind = executor.WhichOneof("spec")
    if kind == "custom_job":
        yield "is a CustomJob in the spec. Use TFX's Vertex Trainer or a container instead."
    elif kind == "container":
        yield from _container_problems(executor, in_containers)
    elif kind is None:
        yield "has an executor of an unknown kind."


def _container_problems(executor: Executor, in_containers: bool) -> Iterator[str]:
    container = executor.container
    words = [*container.command, *container.args]
    if not container.command:
        yield (
            f"has no command, so it would run the entry point of its image ({container.image}), "
            f"which run-spec does not know. Give the component a command."
        )
        return
    if any(_CLOUD in word for word in words):
        yield (
            "calls Google Cloud services (google-cloud-pipeline-components), which run-spec does "
            "not provide."
        )
    if in_containers:
        return
    installer = next((i for i in _INSTALLERS for word in words if i in word), None)
    if installer:
        yield (
            f"installs packages when it starts ({installer}), which would change this machine. "
            f"Give --engine docker or podman. Or, with kfp, compile it with "
            f"install_kfp_package=False and without packages_to_install, and install the packages "
            f"here."
        )
    program = container.command[0]
    if "{{$" not in program and shutil.which(program, path=search_path()) is None:
        yield (
            f"runs {program!r}, which is in its image ({container.image}) but not on this machine. "
            f"Install it, or give --engine docker or podman."
        )
