"""Launch nodes as TFX does, but reuse only whole results and start in empty folders."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx.types import Artifact

from components.tfx_internals.launcher import Artifacts, HookedLauncher
from core import storage
from core.failpoints import failpoint
from pipelines.metadata.names import OUTPUT_DIGEST, PUSHED_DESTINATION
from pipelines.metadata.reuse import find_damage, output_digest

log = logging.getLogger(__name__)


class NodeLauncher(HookedLauncher):
    """Look a node up in the cache, run it if needed, and publish its outputs."""

    def check_cached(self, artifacts: Artifacts) -> None:
        """Reject a cached result that is damaged."""
        for artifact in _each(artifacts):
            damage = find_damage(
                artifact.uri,
                artifact.type_name,
                digest=artifact.get_string_custom_property(OUTPUT_DIGEST) or None,
                published=artifact.get_string_custom_property(PUSHED_DESTINATION) or None,
            )
            if damage is not None:
                log.warning("A cached result is not reused: %s", damage)
                raise RuntimeError(damage)

    def prepare_outputs(self, artifacts: Artifacts) -> None:
        """Remove what output folders already contain.

        A store restored from a backup assigns ids again that newer runs had used.
        """
        for artifact in _each(artifacts):
            if not storage.is_remote(artifact.uri) and Path(artifact.uri).is_dir():
                log.warning("%s: belongs to an execution unknown to this store", artifact.uri)
                shutil.rmtree(artifact.uri)

    def before_publish(self, executor_output: Any) -> None:
        """Record the digest of each output, together with the output itself."""
        failpoint("before-publish")
        for outputs in executor_output.output_artifacts.values():
            for artifact in outputs.artifacts:
                if Path(artifact.uri).is_dir():
                    digest = output_digest(artifact.uri)
                    artifact.custom_properties[OUTPUT_DIGEST].string_value = digest


def _each(artifacts: Artifacts) -> Iterator[Artifact]:
    for outputs in artifacts.values():
        yield from outputs
