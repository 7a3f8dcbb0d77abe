"""A YAML or JSON file to a compiled pipeline that this runner understands to the letter."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from pipelines.spec_runner.errors import SpecError

SCHEMA = "2.1"
Component = Any  # pb.ComponentSpec; the generated classes come without types
Task = Any  # pb.PipelineTaskSpec
Executor = Any  # pb.PipelineDeploymentConfig.ExecutorSpec


@dataclass(frozen=True)
class Spec:
    """One compiled pipeline."""

    path: Path
    name: str
    root: Component
    components: Mapping[str, Component]
    executors: Mapping[str, Executor]
    content: Mapping[str, Any]  # the file's, but for how components are run
    parameter_values: Mapping[str, Any]  # of a PipelineJob's runtimeConfig; a bare spec has none

    def component(self, task: Task) -> Component:
        """What a task runs."""
        return self.components[task.component_ref.name]

    def executor(self, component: Component) -> Executor:
        """How a component without tasks of its own is run."""
        return self.executors[component.executor_label]

    def walk(self) -> Iterator[tuple[str, Task]]:
        """Every task with its path, as "outer/inner", from the root on."""
        yield from self._walk(self.root, "")

    def _walk(self, component: Component, prefix: str) -> Iterator[tuple[str, Task]]:
        for name, task in component.dag.tasks.items():
            yield f"{prefix}{name}", task
            inner = self.component(task)
            if inner.WhichOneof("implementation") == "dag":
                yield from self._walk(inner, f"{prefix}{name}/")


def load_spec(path: Path) -> Spec:
    """Reads a PipelineSpec in YAML or JSON, or a PipelineJob in JSON that wraps one.

    Raises:
        SpecError: the file cannot be read, is no such thing, is of another schema version, or
            holds what this version of the format does not know.
    """
    content, job = _read(path)
    version = str(content.get("schemaVersion", ""))
    if not version.startswith(SCHEMA):
        raise SpecError(
            f"{path}: its schemaVersion is {version or 'missing'}, and run-spec reads {SCHEMA}. "
            f"Compile it with TFX's use_pipeline_spec_2_1=True, or with kfp 2."
        )
    deployment = content.pop("deploymentSpec", {})
    _drop_resources(deployment)
    spec = _parse(content, pb.PipelineSpec(), path)
    config = _parse(deployment, pb.PipelineDeploymentConfig(), path)
    loaded = Spec(
        path=path,
        name=spec.pipeline_info.name,
        root=spec.root,
        components=dict(spec.components),
        executors=dict(config.executors),
        content=content,
        parameter_values=job.get("runtimeConfig", {}).get("parameterValues", {}),
    )
    _check_references(loaded)
    return loaded


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The spec and the PipelineJob around it, which may be empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path}: cannot be read ({error}). `textmill compile RECIPE -o FILE` writes a spec."
        ) from error
    try:
        # A JSON file is YAML too, but its parser is a hundred times faster.
        documents = [json.loads(text)] if text[:1] == "{" else list(yaml.safe_load_all(text))
    except (ValueError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: neither YAML nor JSON ({error}). Compile it again.") from error
    if len(documents) > 1:
        raise SpecError(
            f"{path}: holds {len(documents)} documents; the second one sets up a platform such as "
            f"Kubernetes, which run-spec cannot. Compile the pipeline without it."
        )
    content = documents[0] if documents else None
    if isinstance(content, dict) and isinstance(content.get("pipelineSpec"), dict):
        return content["pipelineSpec"], content
    if not isinstance(content, dict) or "root" not in content:
        raise SpecError(f"{path}: no compiled pipeline; it has no `root`. Compile it again.")
    return content, {}


def _drop_resources(deployment: dict[str, Any]) -> None:
    """Forgets machine sizes, which mean nothing here and whose form differs between versions."""
    for executor in deployment.get("executors", {}).values():
        executor.get("container", {}).pop("resources", None)


def _parse(content: dict[str, Any], message: Any, path: Path) -> Any:
    try:
        return json_format.ParseDict(content, message)
    except json_format.ParseError as error:
        raise SpecError(
            f"{path}: holds what run-spec does not know ({error}). Compile it with a version of "
            f"TFX or kfp that writes schema {SCHEMA}."
        ) from error


def _check_references(spec: Spec) -> None:
    """Every name leads somewhere: tasks to components, components to executors."""
    for where, task in _direct_tasks(spec):
        name = task.component_ref.name
        if name not in spec.components:
            raise SpecError(f"{spec.path}: {where} names the component {name!r}, which is missing.")
    for name, component in spec.components.items():
        kind = component.WhichOneof("implementation")
        if kind != "dag" and component.executor_label not in spec.executors:
            raise SpecError(
                f"{spec.path}: the component {name} names the executor "
                f"{component.executor_label!r}, which is missing."
            )


def _direct_tasks(spec: Spec) -> Iterator[tuple[str, Task]]:
    for component in (spec.root, *spec.components.values()):
        yield from component.dag.tasks.items()
