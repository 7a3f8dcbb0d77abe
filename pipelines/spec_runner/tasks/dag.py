"""A DAG's tasks in order: what runs, what is skipped, and what comes out of it.

As on Vertex AI: a task whose upstream failed or was skipped is skipped, unless its trigger says
that it only waits for their end; what does not depend on a failure still runs.
"""

import graphlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from components.tfx_internals.kubeflow_spec import INNER_DAG, RESOLVER_SUFFIXES
from core.errors import TextmillError
from pipelines.spec_runner.errors import SpecError
from pipelines.spec_runner.record import Artifacts
from pipelines.spec_runner.spec.condition import parse_condition
from pipelines.spec_runner.spec.parameters import Values
from pipelines.spec_runner.spec.spec_file import Spec
from pipelines.spec_runner.tasks.container_task import ContainerTask, Tools
from pipelines.spec_runner.tasks.inputs import Results, task_artifacts, task_parameters, upstream
from pipelines.spec_runner.tasks.lookups import run_importer, run_resolver
from pipelines.spec_runner.tasks.results import FAILED, SKIPPED, SUCCEEDED, Result

COMPLETED = pb.PipelineTaskSpec.TriggerPolicy.ALL_UPSTREAM_TASKS_COMPLETED


@dataclass(frozen=True)
class DagRunner:
    """Runs the tasks of a spec."""

    spec: Spec
    tools: Tools
    begins: Callable[[str], None]  # told the node id
    ended: Callable[[str], None]

    def run(self, parameters: Values) -> Result:
        """Runs the whole pipeline."""
        return self._run_dag(self.spec.root, parameters, {}, "")

    def _run_dag(
        self, component: Any, parameters: Values, artifacts: Artifacts, prefix: str
    ) -> Result:
        results: dict[str, Result] = {}
        tasks = component.dag.tasks
        for name in order(tasks):
            task = tasks[name]
            node_id = prefix + _node(name)
            if not self._may_run(task, results):
                results[name] = Result(state=SKIPPED)
                continue
            try:
                results[name] = self._run_task(task, node_id, parameters, artifacts, results)
            except TextmillError as error:
                results[name] = Result(state=FAILED, error=error)
        return _outcome(component, results)

    def _may_run(self, task: Any, results: Results) -> bool:
        if task.trigger_policy.strategy == COMPLETED:
            return True
        return all(results[name].state == SUCCEEDED for name in upstream(task))

    def _run_task(
        self, task: Any, node_id: str, outer: Values, around: Artifacts, results: Results
    ) -> Result:
        component = self.spec.component(task)
        inputs = task_artifacts(task, around, results)
        parameters = task_parameters(task, component, outer, results, self.tools.job, node_id)
        if not _condition_holds(task, parameters, inputs):
            self.tools.say(f"   {node_id}: skipped, {task.trigger_policy.condition} does not hold")
            return Result(state=SKIPPED)
        if component.WhichOneof("implementation") == "dag":
            prefix = "" if node_id == INNER_DAG else f"{node_id}/"
            return self._run_dag(component, parameters, inputs, prefix)
        self.begins(node_id)
        result = self._run_leaf(task, component, node_id, parameters, inputs)
        self.ended(node_id)
        return result

    def _run_leaf(
        self, task: Any, component: Any, node_id: str, parameters: Values, inputs: Artifacts
    ) -> Result:
        executor = self.spec.executor(component)
        kind = executor.WhichOneof("spec")
        if kind == "importer":
            return run_importer(self.tools, node_id, component, executor.importer, parameters)
        if kind == "resolver":
            return run_resolver(self.tools, node_id, component, executor.resolver, inputs)
        return ContainerTask(
            self.tools, node_id, task, component, executor.container, parameters, inputs
        ).run()


def _node(task: str) -> str:
    """The name that a node has in TFX, which makes two tasks of one resolver."""
    for ending, short in RESOLVER_SUFFIXES.items():
        if task.endswith(ending):
            return task.removesuffix(ending) + short
    return task


def order(tasks: Mapping[str, Any]) -> list[str]:
    """The names of tasks, each after what it needs; by name where that leaves a choice.

    Raises:
        SpecError: they wait for each other, or for a task that is not there.
    """
    needs = {name: upstream(tasks[name]) for name in sorted(tasks)}
    for name, needed in needs.items():
        for missing in sorted(needed - needs.keys()):
            raise SpecError(f"The task {name} waits for {missing}, which is not beside it.")
    sorter = graphlib.TopologicalSorter(needs)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        raise SpecError(f"Tasks wait for each other: {' → '.join(error.args[1])}.") from error
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += ready
        sorter.done(*ready)
    return found


def _condition_holds(task: Any, parameters: Values, inputs: Artifacts) -> bool:
    text = task.trigger_policy.condition
    if not text:
        return True
    told = {
        name: {"artifacts": [{"uri": a.uri, "metadata": a.metadata} for a in several]}
        for name, several in inputs.items()
    }
    tree = {"inputs": {"parameter_values": parameters, "artifacts": told}}
    return bool(parse_condition(text)(tree))


def _outcome(component: Any, results: Results) -> Result:
    """The result of a DAG: failed if a task did, with what its outputs select."""
    errors = [result.error for result in results.values() if result.error is not None]
    found = Result(state=FAILED if errors else SUCCEEDED, error=errors[0] if errors else None)
    outputs = component.dag.outputs
    for key, selectors in outputs.artifacts.items():
        artifacts = [
            artifact
            for selector in selectors.artifact_selectors
            for artifact in _of(results, selector).artifacts.get(selector.output_artifact_key, ())
        ]
        if artifacts:
            found.artifacts[key] = artifacts
    for name, choice in outputs.parameters.items():
        selectors = (
            choice.value_from_oneof.parameter_selectors
            if choice.WhichOneof("kind") == "value_from_oneof"
            else [choice.value_from_parameter]
        )
        for selector in selectors:
            values = _of(results, selector).parameters
            if selector.output_parameter_key in values:
                found.parameters[name] = values[selector.output_parameter_key]
                break
    return found


def _of(results: Results, selector: Any) -> Result:
    return results.get(selector.producer_subtask, Result(state=SKIPPED))
