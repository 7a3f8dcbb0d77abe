"""Run one container task: its driver, cache lookup, retries, and record in ML Metadata."""

import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.tfx_internals.training_endpoint import ENDPOINT
from core import storage
from core.errors import printable
from core.progress import show_progress
from pipelines.metadata.live_artifacts import ArtifactType, Json, LiveArtifacts, read_type
from pipelines.metadata.mlmd.recorder import Recorder
from pipelines.spec_runner.processes.containers import Command
from pipelines.spec_runner.processes.replicas import ReplicaRunner
from pipelines.spec_runner.processes.run_process import Processes, describe_exit, tail
from pipelines.spec_runner.processes.warm import TFX_MODULES
from pipelines.spec_runner.spec.parameters import Values
from pipelines.spec_runner.spec.placeholders import resolve_arguments
from pipelines.spec_runner.tasks.cache_key import cache_key, executor_class
from pipelines.spec_runner.tasks.executor_input import (
    executor_input,
    make_parents,
    new_outputs,
    placeholder_tree,
    read_output,
)
from pipelines.spec_runner.tasks.run_context import Result, RunContext, TaskFailedError

WORKDIR = "the workdir"  # stands for its path in cache keys


@dataclass(frozen=True)
class Tools:
    """The services of a run that its tasks use."""

    run: RunContext
    recorder: Recorder
    processes: Processes
    replicas: ReplicaRunner
    training_endpoint: str  # of the service that runs custom jobs
    say: Callable[[str], None]  # prints a note on the terminal


@dataclass(frozen=True)
class ContainerTask:
    """A container task with its inputs."""

    tools: Tools
    node_id: str
    task: Any  # pb.PipelineTaskSpec
    component: Any  # pb.ComponentSpec
    container: Any  # pb.PipelineDeploymentConfig.PipelineContainerSpec
    parameters: Values
    inputs: LiveArtifacts
    resources: Mapping[str, Any]  # the executor's limits of CPU and memory

    def run(self) -> Result:
        """Run the task, or reuse an earlier result.

        Raises:
            TaskFailedError: every attempt failed.
        """
        recorder, run = self.tools.recorder, self.tools.run
        settings = run.buckets.localize_all(self.parameters)
        type_name = executor_class(self.container) or f"container:{self.container.image}"
        execution = recorder.begin(self.node_id, type_name, settings, self.inputs)
        outputs = new_outputs(storage.join(run.root, self.node_id), execution, self._types)
        try:
            return self._run_recorded(execution, settings, outputs)
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            recorder.fail(execution, _registered(outputs), reason, canceled=False)
            raise
        except BaseException:  # Ctrl-C or SIGTERM
            recorder.fail(execution, _registered(outputs), "was stopped", canceled=True)
            raise

    def _run_recorded(self, execution: int, settings: Values, outputs: LiveArtifacts) -> Result:
        recorder = self.tools.recorder
        driver_values = self._run_driver(self._message(settings, outputs, execution), outputs)
        recorder.add_settings(execution, driver_values)
        key = self._cache_key(driver_values)
        if key is not None and (earlier := recorder.find_cached(key, self._types)):
            recorder.reuse(execution, *earlier)
            return Result(artifacts=earlier[0], parameters=earlier[1])
        for artifacts in outputs.values():
            for artifact in artifacts:
                recorder.register(artifact)
        message = self._message(settings, outputs, execution)  # now with the artifacts' ids
        make_parents(outputs, message)
        self._run_with_retries(message)
        parameters = read_output(message, outputs, self._parameter_types)
        recorder.finish(execution, outputs, parameters, cache_key=key)
        return Result(artifacts=outputs, parameters=parameters)

    def _run_driver(self, message: Json, outputs: LiveArtifacts) -> Values:
        """Run the hook that precedes the cache lookup, such as ExampleGen's driver."""
        hook = self.container.lifecycle.pre_cache_check
        if not hook.command:
            return {}
        make_parents(outputs, message)
        self._run_once([*hook.command, *hook.args], message, "its driver ")
        return read_output(message, outputs, {})

    def _run_with_retries(self, message: Json) -> None:
        policy = self.task.retry_policy
        attempts = 1 + (policy.max_retry_count if self.tools.run.retry else 0)
        for attempt in range(1, attempts + 1):
            try:
                return self._run_once([*self.container.command, *self.container.args], message)
            except TaskFailedError as error:
                if attempt == attempts:
                    raise
                wait = backoff_seconds(policy, attempt)
                hint = "; --no-retry fails at once" if attempt == 1 else ""
                self.tools.say(
                    f"   {self.node_id}: attempt {attempt} of {attempts} {error.reason}; "
                    f"next attempt in {wait:g} s{hint}\n      {printable(error.last_line)}"
                )
                time.sleep(wait)

    def _run_once(self, words: list[str], message: Json, which: str = "") -> None:
        run, processes = self.tools.run, self.tools.processes
        tree = placeholder_tree(message, run.placeholders(self.node_id), words)
        variables = {v.name: run.buckets.localize(v.value) for v in self.container.env}
        is_tfx = any(word.startswith(TFX_MODULES) for word in words)
        if is_tfx:
            variables[ENDPOINT] = self.tools.training_endpoint
        command = Command(
            [run.buckets.localize(word) for word in resolve_arguments(words, tree)],
            variables,
            self.container.image,
            is_tfx,
            self.resources,
        )
        log = run.log(self.node_id)
        earlier_failure = self.tools.replicas.last_failure
        # With --verbose, the output of the task shows its progress.
        with contextlib.nullcontext() if processes.echo else show_progress(self.node_id):
            code = processes.run(command, folder=self._working_folder(message), log=log)
        if code != 0:
            worker_log = self.tools.replicas.last_failure
            if worker_log is not None and worker_log != earlier_failure:
                log = worker_log
            raise TaskFailedError(self.node_id, which + describe_exit(code), log, tail(log))

    def _working_folder(self, message: Json) -> Path:
        """Return the execution's folder, or one in the folder of the run if that is remote."""
        folder: str = message["outputs"]["outputFile"].rpartition("/")[0]
        if storage.is_remote(folder):
            return self.tools.run.log(self.node_id).with_suffix("")
        return Path(folder)

    def _message(self, settings: Values, outputs: LiveArtifacts, execution: int) -> Json:
        node = storage.join(self.tools.run.root, self.node_id)
        folder = storage.join(node, ".system", "executor_execution", str(execution))
        storage.make_folder(folder)
        return executor_input(settings, self.inputs, outputs, folder, list(self._parameter_types))

    def _cache_key(self, driver_values: Values) -> str | None:
        if not (self.task.caching_options.enable_cache and self.tools.run.use_cache):
            return None
        parameters = {
            name: self._without_workdir(value)
            for name, value in {**self.parameters, **driver_values}.items()
        }
        return cache_key(
            self.tools.run.pipeline,
            self.container,
            parameters,
            self.inputs,
            self._types,
            list(self._parameter_types),
            self.tools.processes.engine,
        )

    def _without_workdir(self, value: Any) -> Any:
        """Return a parameter's value for the cache key: a workdir may be moved or copied."""
        workdir = self.tools.run.workdir
        if isinstance(value, str) and f"{value}/".startswith(f"{workdir}/"):
            return WORKDIR + value.removeprefix(workdir)
        return value

    @functools.cached_property
    def _types(self) -> dict[str, ArtifactType]:
        declared = self.component.output_definitions.artifacts
        return {key: read_type(spec.artifact_type) for key, spec in sorted(declared.items())}

    @functools.cached_property
    def _parameter_types(self) -> dict[str, int]:
        declared = self.component.output_definitions.parameters
        return {name: spec.parameter_type for name, spec in sorted(declared.items())}


def backoff_seconds(policy: Any, failed_attempts: int) -> float:
    """Return the wait before the next attempt; Vertex AI's default is 0 s, doubled each time."""
    first = policy.backoff_duration.ToTimedelta().total_seconds()
    longest = policy.backoff_max_duration.ToTimedelta().total_seconds() or 3600.0
    factor = policy.backoff_factor or 2.0
    return float(min(first * factor ** (failed_attempts - 1), longest))


def _registered(outputs: LiveArtifacts) -> LiveArtifacts:
    return {key: [a for a in artifacts if a.id] for key, artifacts in outputs.items()}
