"""One container task: its driver, its cache, its tries, and what is recorded of it."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.tfx_internals.training_endpoint import ENDPOINT
from pipelines.spec_runner.errors import TaskError
from pipelines.spec_runner.job import Job
from pipelines.spec_runner.processes.custom_jobs import CustomJobs
from pipelines.spec_runner.processes.processes import Processes, container_environment, tail, told
from pipelines.spec_runner.record import Artifacts, Recorder
from pipelines.spec_runner.spec.artifacts import ArtifactType, Json, read_type
from pipelines.spec_runner.spec.parameters import Values
from pipelines.spec_runner.spec.placeholders import resolve_arguments
from pipelines.spec_runner.tasks.cache_key import cache_key, executor_class
from pipelines.spec_runner.tasks.executor_input import (
    drafts,
    executor_input,
    make_parents,
    placeholder_tree,
    read_output,
)
from pipelines.spec_runner.tasks.results import Result

_TFX_MODULES = ("tfx.", "components.")  # `python -m …` of these may start a CustomJob


@dataclass(frozen=True)
class Tools:
    """What tasks work with."""

    job: Job
    recorder: Recorder
    processes: Processes
    custom_jobs: CustomJobs
    say: Callable[[str], None]  # a passing remark for the terminal


@dataclass(frozen=True)
class ContainerTask:
    """A task and its inputs."""

    tools: Tools
    node_id: str
    task: Any  # pb.PipelineTaskSpec
    component: Any  # pb.ComponentSpec
    container: Any  # pb.PipelineDeploymentConfig.PipelineContainerSpec
    parameters: Values
    inputs: Artifacts

    def run(self) -> Result:
        """Runs the task, or takes an earlier result for it.

        Raises:
            TaskError: every try failed.
        """
        recorder, job = self.tools.recorder, self.tools.job
        settings = job.places.localise_all(self.parameters)
        type_name = executor_class(self.container) or f"container:{self.container.image}"
        execution = recorder.begin(self.node_id, type_name, settings, self.inputs)
        outputs = drafts(job.root / self.node_id, execution, self._types)
        ended = False
        try:
            told_so = self._told(settings, outputs, execution)
            found = self._drive(told_so, outputs)
            recorder.note(execution, found)
            key = self._cache_key(found)
            if key is not None and (earlier := recorder.recall(key, self._types)):
                recorder.reuse(execution, *earlier)
                ended = True
                return Result(artifacts=earlier[0], parameters=earlier[1])
            for artifact in (a for several in outputs.values() for a in several):
                recorder.register(artifact)
            told_so = self._told(settings, outputs, execution)
            make_parents(outputs, told_so)
            self._try(told_so)
            parameters = read_output(told_so, outputs, self._parameter_types)
            recorder.finish(execution, outputs, parameters, cache_key=key)
            ended = True
            return Result(artifacts=outputs, parameters=parameters)
        except Exception as error:
            recorder.fail(execution, _registered(outputs), _first_line(error), canceled=False)
            ended = True
            raise
        finally:
            if not ended:  # Ctrl-C
                recorder.fail(execution, _registered(outputs), "was stopped", canceled=True)

    def _drive(self, told_so: Json, outputs: Artifacts) -> Values:
        """Runs what comes before the look into the cache, such as ExampleGen's driver."""
        hook = self.container.lifecycle.pre_cache_check
        if not hook.command:
            return {}
        make_parents(outputs, told_so)
        self._attempt([*hook.command, *hook.args], told_so, "its driver ")
        return read_output(told_so, outputs, {})

    def _try(self, told_so: Json) -> None:
        """Runs the container's command until it succeeds or the spec's patience ends."""
        policy = self.task.retry_policy
        tries = 1 + (policy.max_retry_count if self.tools.job.retry else 0)
        for attempt in range(1, tries + 1):
            try:
                return self._attempt([*self.container.command, *self.container.args], told_so)
            except TaskError as error:
                if attempt == tries:
                    raise
                wait = backoff_seconds(policy, attempt)
                self.tools.say(
                    f"   {self.node_id}: try {attempt} of {tries} {error.told}; again in {wait:g} s"
                )
                time.sleep(wait)

    def _attempt(self, words: list[str], told_so: Json, which: str = "") -> None:
        job, processes = self.tools.job, self.tools.processes
        tree = placeholder_tree(told_so, job.placeholders(self.node_id))
        command = [job.places.localise(word) for word in resolve_arguments(words, tree)]
        own = {v.name: job.places.localise(v.value) for v in self.container.env}
        is_tfx = any(word.startswith(_TFX_MODULES) for word in words)
        if is_tfx:
            own[ENDPOINT] = self.tools.custom_jobs.endpoint
        log = job.log(self.node_id)
        failed_jobs = self.tools.custom_jobs.last_failure()
        code = processes.run(
            command,
            environment=container_environment(own, redirect=is_tfx),
            folder=_folder(told_so),
            log=log,
        )
        if code != 0:
            worker = self.tools.custom_jobs.last_failure()
            shown = worker if worker is not None and worker != failed_jobs else log
            raise TaskError(self.node_id, which + told(code), shown, tail(shown))

    def _told(self, settings: Values, outputs: Artifacts, execution: int) -> Json:
        node = self.tools.job.root / self.node_id
        folder = node / ".system" / "executor_execution" / str(execution)
        folder.mkdir(parents=True, exist_ok=True)
        return executor_input(settings, self.inputs, outputs, folder, list(self._parameter_types))

    def _cache_key(self, found: Values) -> str | None:
        if not (self.task.caching_options.enable_cache and self.tools.job.use_cache):
            return None
        return cache_key(
            self.tools.job.pipeline,
            self.container,
            {**self.parameters, **found},
            self.inputs,
            self._types,
            list(self._parameter_types),
        )

    @functools.cached_property
    def _types(self) -> dict[str, ArtifactType]:
        declared = self.component.output_definitions.artifacts
        return {key: read_type(spec.artifact_type) for key, spec in sorted(declared.items())}

    @functools.cached_property
    def _parameter_types(self) -> dict[str, int]:
        declared = self.component.output_definitions.parameters
        return {name: spec.parameter_type for name, spec in sorted(declared.items())}


def backoff_seconds(policy: Any, failed: int) -> float:
    """How long to wait before the next try.

    Args:
        policy: `PipelineTaskSpec.RetryPolicy`; Vertex AI's defaults are 0 s, doubled each time.
        failed: tries so far.
    """
    first = policy.backoff_duration.ToTimedelta().total_seconds()
    longest = policy.backoff_max_duration.ToTimedelta().total_seconds() or 3600.0
    factor = policy.backoff_factor or 2.0
    return float(min(first * factor ** (failed - 1), longest))


def _folder(told_so: Json) -> Path:
    """Where a command starts: the execution's own folder."""
    return Path(told_so["outputs"]["outputFile"]).parent


def _registered(outputs: Artifacts) -> Artifacts:
    return {key: [a for a in found if a.id] for key, found in outputs.items()}


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
