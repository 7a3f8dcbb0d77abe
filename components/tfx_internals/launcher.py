"""Hook into TFX's launcher: check cached results, prepare output folders, see published outputs.

`tfx.orchestration.portable.launcher.Launcher` has no hooks, so we override three of its private
methods. Its cache lookup calls `artifact_utils.verify_artifacts` and treats a RuntimeError as "try
the next cached result" (`cache_utils.get_cached_outputs`). That call is the only place for a check
of our own, so we replace the function during the lookup.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tfx.orchestration.portable import cache_utils, launcher
from tfx.types import Artifact

from components.tfx_internals.beam_workers import supervise_workers

Artifacts = Mapping[str, Sequence[Artifact]]


class HookedLauncher(launcher.Launcher):
    """TFX's launcher with three hooks. It also ends Beam workers when a run is stopped."""

    def check_cached(self, artifacts: Artifacts) -> None:
        """Check a cached result. Raise RuntimeError to reject it."""

    def prepare_outputs(self, artifacts: Artifacts) -> None:
        """Prepare the output folders before the executor runs."""

    def before_publish(self, executor_output: Any) -> None:
        """Change an ExecutorOutput message before ML Metadata records it."""

    def _prepare_execution(self) -> Any:
        with _verify_with(self.check_cached):
            return super()._prepare_execution()

    def _run_executor(self, execution_info: Any) -> Any:
        self.prepare_outputs(execution_info.output_dict)
        with supervise_workers():  # also for TFX's own Beam components
            return super()._run_executor(execution_info)

    def _publish_successful_execution(
        self, execution_id: int, contexts: Any, output_dict: Any, executor_output: Any
    ) -> None:
        self.before_publish(executor_output)
        super()._publish_successful_execution(execution_id, contexts, output_dict, executor_output)


@contextlib.contextmanager
def _verify_with(check: Callable[[Artifacts], None]) -> Iterator[None]:
    """Replace `verify_artifacts` for the duration of a cache lookup."""
    original = cache_utils.artifact_utils.verify_artifacts
    cache_utils.artifact_utils.verify_artifacts = check
    try:
        yield
    finally:
        cache_utils.artifact_utils.verify_artifacts = original
