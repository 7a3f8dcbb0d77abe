"""Run the tasks of a DAG in order, skip those whose conditions fail, and select the outputs.

The rules are Vertex AI's: a task is skipped if an upstream task failed or was skipped, unless its
trigger only requires that they ended. Tasks that do not depend on a failure still run.
"""

import graphlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from components.tfx_internals.kubeflow_spec import INNER_DAG, RESOLVER_SUFFIXES
from core.errors import TextmillError
from pipelines.metadata.live_artifacts import LiveArtifacts
from pipelines.spec_runner.spec.condition import parse_condition
from pipelines.spec_runner.spec.errors import SpecError
from pipelines.spec_runner.spec.parameters import Values
from pipelines.spec_runner.spec.spec_file import Spec
from pipelines.spec_runner.tasks.container_task import ContainerTask, Tools
from pipelines.spec_runner.tasks.inputs import Results, task_artifacts, task_parameters, upstream
from pipelines.spec_runner.tasks.lookups import run_importer, run_resolver
from pipelines.spec_runner.tasks.run_context import FAILED, SKIPPED, SUCCEEDED, Result

COMPLETED = pb.PipelineTaskSpec.TriggerPolicy.ALL_UPSTREAM_TASKS_COMPLETED


@dataclass(frozen=True)
class DagRunner:
    """Runs the tasks of a spec."""

    spec: Spec
    tools: Tools
    on_begin: Callable[[str], None]  # takes the node id
    on_end: Callable[[str], None]

    def run(self, parameters: Values) -> Result:
        """Run the whole pipeline."""
        return self._run_dag(self.spec.root, parameters, {}, "")

    def _run_dag(
        self, component: Any, parameters: Values, artifacts: LiveArtifacts, prefix: str
    ) -> Result:
        results: dict[str, Result] = {}
        tasks = component.dag.tasks
        for name in topological_order(tasks):
            task = tasks[name]
            node_id = prefix + _node_id(name)
            if not _may_run(task, results):
                results[name] = Result(state=SKIPPED)
                continue
            try:
                results[name] = self._run_task(task, node_id, parameters, artifacts, results)
            except TextmillError as error:
                results[name] = Result(state=FAILED, error=error)
        return _dag_result(component, results)

    def _run_task(
        self,
        task: Any,
        node_id: str,
        dag_values: Values,
        dag_inputs: LiveArtifacts,
        results: Results,
    ) -> Result:
        component = self.spec.component(task)
        inputs = task_artifacts(task, dag_inputs, results)
        parameters = task_parameters(task, component, dag_values, results, self.tools.run, node_id)
        if not _condition_holds(task, parameters, inputs):
            condition = task.trigger_policy.condition
            self.tools.say(f"   {node_id}: skipped, because {condition} is false")
            return Result(state=SKIPPED)
        if component.WhichOneof("implementation") == "dag":
            prefix = "" if node_id == INNER_DAG else f"{node_id}/"
            return self._run_dag(component, parameters, inputs, prefix)
        self.on_begin(node_id)
        result = self._run_leaf(task, component, node_id, parameters, inputs)
        self.on_end(node_id)
        return result

    def _run_leaf(
        self, task: Any, component: Any, node_id: str, parameters: Values, inputs: LiveArtifacts
    ) -> Result:
        executor = self.spec.executor(component)
        resources = self.spec.resources.get(component.executor_label, {})
        kind = executor.WhichOneof("spec")
        if kind == "importer":
            return run_importer(self.tools, node_id, component, executor.importer, parameters)
        if kind == "resolver":
            return run_resolver(self.tools, node_id, component, executor.resolver, inputs)
        return ContainerTask(
            self.tools, node_id, task, component, executor.container, parameters, inputs, resources
        ).run()


def topological_order(tasks: Mapping[str, Any]) -> list[str]:
    """Return the names of tasks, each after its upstream tasks; ties are sorted by name.

    Raises:
        SpecError: tasks wait for each other, or for a task that does not exist.
    """
    dependencies = {name: upstream(tasks[name]) for name in sorted(tasks)}
    for name, needed in dependencies.items():
        for missing in sorted(needed - dependencies.keys()):
            raise SpecError(f"The task {name} waits for {missing}, which is not in its DAG.")
    sorter = graphlib.TopologicalSorter(dependencies)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise SpecError(f"Tasks wait for each other: {' → '.join(error.args[1])}.") from error
    names: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        names += ready
        sorter.done(*ready)
    return names


def _node_id(task_name: str) -> str:
    """Return a node's id in TFX, which compiles one resolver to two tasks."""
    for suffix, short in RESOLVER_SUFFIXES.items():
        if task_name.endswith(suffix):
            return task_name.removesuffix(suffix) + short
    return task_name


def _may_run(task: Any, results: Results) -> bool:
    if task.trigger_policy.strategy == COMPLETED:
        return True
    return all(results[name].state == SUCCEEDED for name in upstream(task))


def _condition_holds(task: Any, parameters: Values, inputs: LiveArtifacts) -> bool:
    text = task.trigger_policy.condition
    if not text:
        return True
    artifacts = {
        name: {"artifacts": [{"uri": a.uri, "metadata": a.metadata} for a in several]}
        for name, several in inputs.items()
    }
    tree = {"inputs": {"parameter_values": parameters, "artifacts": artifacts}}
    return bool(parse_condition(text)(tree))


def _dag_result(component: Any, results: Results) -> Result:
    """Return the result of a DAG: failed if any task failed, with the outputs that it selects."""
    errors = [result.error for result in results.values() if result.error is not None]
    result = Result(state=FAILED if errors else SUCCEEDED, error=errors[0] if errors else None)
    outputs = component.dag.outputs
    for key, selectors in outputs.artifacts.items():
        artifacts = [
            artifact
            for selector in selectors.artifact_selectors
            for artifact in _selected(results, selector).artifacts.get(
                selector.output_artifact_key, ()
            )
        ]
        if artifacts:
            result.artifacts[key] = artifacts
    for name, choice in outputs.parameters.items():
        selectors = (
            choice.value_from_oneof.parameter_selectors
            if choice.WhichOneof("kind") == "value_from_oneof"
            else [choice.value_from_parameter]
        )
        for selector in selectors:
            values = _selected(results, selector).parameters
            if selector.output_parameter_key in values:
                result.parameters[name] = values[selector.output_parameter_key]
                break
    return result


def _selected(results: Results, selector: Any) -> Result:
    return results.get(selector.producer_subtask, Result(state=SKIPPED))
