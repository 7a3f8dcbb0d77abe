"""Load a compiled pipeline from YAML or JSON, and refuse every field that is unknown."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from pipelines.spec_runner.spec.errors import SpecError

SCHEMA = "2.1"
Component = Any  # pb.ComponentSpec; the generated classes come without types
Task = Any  # pb.PipelineTaskSpec
Executor = Any  # pb.PipelineDeploymentConfig.ExecutorSpec


@dataclass(frozen=True)
class Spec:
    """A compiled pipeline."""

    path: Path
    name: str
    root: Component
    components: Mapping[str, Component]
    executors: Mapping[str, Executor]
    resources: Mapping[str, Mapping[str, Any]]  # limits of CPU and memory, by executor
    content: Mapping[str, Any]  # the file's, without deploymentSpec
    parameter_values: Mapping[str, Any]  # of a PipelineJob; empty for a PipelineSpec

    def component(self, task: Task) -> Component:
        """Return the component that a task runs."""
        return self.components[task.component_ref.name]

    def executor(self, component: Component) -> Executor:
        """Return the executor of a component that is not a DAG."""
        return self.executors[component.executor_label]

    def walk(self) -> Iterator[tuple[str, Task]]:
        """Yield every task with its path, for example "outer/inner"."""
        yield from self._walk(self.root, "")

    def _walk(self, component: Component, prefix: str) -> Iterator[tuple[str, Task]]:
        for name, task in component.dag.tasks.items():
            yield f"{prefix}{name}", task
            inner = self.component(task)
            if inner.WhichOneof("implementation") == "dag":
                yield from self._walk(inner, f"{prefix}{name}/")


def load_spec(path: Path) -> Spec:
    """Load a PipelineSpec in YAML or JSON, or a PipelineJob in JSON that contains one.

    Raises:
        SpecError: the file cannot be read, is not a spec, has another schema version, or has
            unknown fields.
    """
    content, job = _read(path)
    version = str(content.get("schemaVersion", ""))
    if not version.startswith(SCHEMA):
        raise SpecError(
            f"{path}: its schemaVersion is {version or 'missing'}, but run-spec needs {SCHEMA}. "
            f"Compile it with TFX's use_pipeline_spec_2_1=True, or with kfp 2."
        )
    deployment = content.pop("deploymentSpec", {})
    resources = _take_resources(deployment)
    spec = _parse(content, pb.PipelineSpec(), path)
    config = _parse(deployment, pb.PipelineDeploymentConfig(), path)
    loaded = Spec(
        path=path,
        name=spec.pipeline_info.name,
        root=spec.root,
        components=dict(spec.components),
        executors=dict(config.executors),
        resources=resources,
        content=content,
        parameter_values=job.get("runtimeConfig", {}).get("parameterValues", {}),
    )
    _check_references(loaded)
    return loaded


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the spec and the PipelineJob that contains it, which may be empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path}: cannot be read ({error}). `textmill compile RECIPE -o FILE` writes a spec."
        ) from error
    try:
        # JSON is YAML too, but the JSON parser is a hundred times faster.
        documents = [json.loads(text)] if text[:1] == "{" else list(yaml.safe_load_all(text))
    except (ValueError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: not valid YAML or JSON ({error}). Compile it again.") from error
    if len(documents) > 1:
        raise SpecError(
            f"{path}: has {len(documents)} documents. The second one configures a platform such as "
            f"Kubernetes, which run-spec does not support. Compile the pipeline without it."
        )
    content = documents[0] if documents else None
    if isinstance(content, dict) and isinstance(content.get("pipelineSpec"), dict):
        return content["pipelineSpec"], content
    if not isinstance(content, dict) or "root" not in content:
        raise SpecError(
            f"{path}: not a compiled pipeline, because it has no `root`. Compile it again."
        )
    return content, {}


def _take_resources(deployment: dict[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Remove and return the machine sizes by executor, because their form differs by version."""
    return {
        label: executor.get("container", {}).pop("resources", {})
        for label, executor in deployment.get("executors", {}).items()
    }


def _parse(content: dict[str, Any], message: Any, path: Path) -> Any:
    try:
        return json_format.ParseDict(content, message)
    except json_format.ParseError as error:
        raise SpecError(
            f"{path}: has a field that run-spec does not know ({error}). Compile it with a version "
            f"of TFX or kfp that writes schema {SCHEMA}."
        ) from error


def _check_references(spec: Spec) -> None:
    """Check that the component of each task and the executor of each component exist."""
    for component in (spec.root, *spec.components.values()):
        for task_name, task in component.dag.tasks.items():
            name = task.component_ref.name
            if name not in spec.components:
                raise SpecError(
                    f"{spec.path}: {task_name} names the component {name!r}, which is missing."
                )
    for name, component in spec.components.items():
        kind = component.WhichOneof("implementation")
        if kind != "dag" and component.executor_label not in spec.executors:
            raise SpecError(
                f"{spec.path}: the component {name} names the executor "
                f"{component.executor_label!r}, which is missing."
            )
