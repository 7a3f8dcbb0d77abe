"""Hook into TFX's launcher: cache keys, cached results, output folders, published outputs.

`tfx.orchestration.portable.launcher.Launcher` has no hooks, so we override three of its private
methods. Its cache lookup calls `artifact_utils.verify_artifacts` and treats a RuntimeError as "try
the next cached result" (`cache_utils.get_cached_outputs`). That call is the only place for a check
of our own, so we replace the function during the lookup. Likewise `cache_utils.get_cache_context`,
which puts the folders of inputs, all parameters and Beam's flags into the cache key.

TFX starts a gRPC server per node, to which an executor on another machine may report; none of ours
does. Where memory is short, the server gets no thread, and stopping it never returns. So no server
is started.
"""

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tfx.orchestration.portable import cache_utils, launcher
from tfx.proto.orchestration.executable_spec_pb2 import BeamExecutableSpec
from tfx.types import Artifact

ArtifactsByKey = Mapping[str, Sequence[Artifact]]


class HookedLauncher(launcher.Launcher):
    """TFX's launcher with five hooks."""

    def portable_text(self, name: str, text: str) -> str | None:
        """Return what the cache key holds of a parameter or of a property of an input, if any."""
        del name
        return text

    def refuse_damaged_hit(self, artifacts: ArtifactsByKey) -> None:
        """Raise RuntimeError if a cached result is damaged."""

    def prepare_outputs(self, artifacts: ArtifactsByKey) -> None:
        """Prepare the output folders before the executor runs."""

    def show_progress(self, inputs: ArtifactsByKey) -> contextlib.AbstractContextManager[object]:
        """Show the progress of the executor, which runs within the returned context."""
        del inputs
        return contextlib.nullcontext()

    def before_publish(self, executor_output: Any) -> None:
        """Change an ExecutorOutput message before ML Metadata records it."""

    def launch(self) -> Any:
        """Run the node, without the server that no executor calls."""
        with _replaced(launcher.execution_watcher, "ExecutionWatcher", _NoServer):
            return super().launch()

    def _prepare_execution(self) -> Any:
        utils = cache_utils.artifact_utils
        key = functools.partial(self._cache_context, cache_utils.get_cache_context)
        with (
            _replaced(utils, "verify_artifacts", self.refuse_damaged_hit),
            _replaced(cache_utils, "get_cache_context", key),
        ):
            return super()._prepare_execution()

    def _cache_context(
        self,
        original: Callable[..., Any],
        *,
        executor_spec: Any = None,
        input_artifacts: ArtifactsByKey | None = None,
        parameters: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> Any:
        """Compute the cache key without the folders of inputs and outputs, and without the engine.

        Beam's flags choose how many workers there are, and where; no byte of an output depends on
        them.
        """
        if isinstance(executor_spec, BeamExecutableSpec):
            python = executor_spec.python_executor_spec
            executor_spec = BeamExecutableSpec(python_executor_spec=python)
        inputs = copy.deepcopy(input_artifacts or {})
        for artifact in (a for of_key in inputs.values() for a in of_key):
            record = artifact.mlmd_artifact
            record.uri = ""
            record.ClearField("last_update_time_since_epoch")
            for name, value in record.custom_properties.items():
                if value.HasField("string_value"):
                    value.string_value = self.portable_text(name, value.string_value) or ""
        texts = {n: self.portable_text(n, str(v)) for n, v in (parameters or {}).items()}
        values = {name: text for name, text in texts.items() if text is not None}
        return original(
            executor_spec=executor_spec, input_artifacts=inputs, parameters=values, **others
        )

    def _run_executor(self, execution_info: Any) -> Any:
        self.prepare_outputs(execution_info.output_dict)
        with self.show_progress(execution_info.input_dict):
            return super()._run_executor(execution_info)

    def _publish_successful_execution(
        self, execution_id: int, contexts: Any, output_dict: Any, executor_output: Any
    ) -> None:
        self.before_publish(executor_output)
        super()._publish_successful_execution(execution_id, contexts, output_dict, executor_output)


class _NoServer:
    """Take the place of TFX's ExecutionWatcher, and do nothing."""

    address = ""

    def __init__(self, **_: Any) -> None:
        """Accept the server's port, credentials, connection and execution."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


@contextlib.contextmanager
def _replaced(module: Any, name: str, substitute: Any) -> Iterator[None]:
    """Replace a function or class of a module for the duration of a block."""
    original = getattr(module, name)
    setattr(module, name, substitute)
    try:
        yield
    finally:
        setattr(module, name, original)
