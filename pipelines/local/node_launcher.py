"""TFX's launcher with what it leaves open: results are reused only whole, and begin empty."""

import contextlib
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.orchestration.portable import cache_utils, launcher
from tfx.types import Artifact

from components.beam_workers import mind_workers
from components.publisher.publishing import check_version
from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from pipelines.metadata.output_digest import (
    OUTPUT_DIGEST,
    UNCHECKED_TYPES,
    find_damage,
    output_digest,
)

DESTINATION = "pushed_destination"  # TFX's property of a pushed model: the version's folder
log = logging.getLogger(__name__)
Artifacts = Mapping[str, Sequence[Artifact]]


class NodeLauncher(launcher.Launcher):
    """Looks a node up in the cache, runs it if need be, and publishes what it wrote."""

    def _prepare_execution(self) -> Any:
        """Resolves inputs and looks for a cached result that is whole."""
        with _reuse_only_whole():
            return super()._prepare_execution()

    def _run_executor(self, execution_info: Any) -> Any:
        """Runs the executor, in folders that hold nothing.

        A store that was restored from a backup gives ids anew that newer runs had used.
        """
        for artifact in _each(execution_info.output_dict):
            if not storage.is_remote(artifact.uri) and Path(artifact.uri).is_dir():
                log.warning("%s: of an execution that this store does not know", artifact.uri)
                shutil.rmtree(artifact.uri)
        with mind_workers():  # of TFX's own components, too
            return super()._run_executor(execution_info)

    def _publish_successful_execution(
        self, execution_id: int, contexts: Any, output_dict: Any, executor_output: Any
    ) -> None:
        """Notes the digest of each output, together with the output itself."""
        failpoint("before-publish")
        for found in executor_output.output_artifacts.values():
            for artifact in found.artifacts:
                if Path(artifact.uri).is_dir():
                    digest = output_digest(artifact.uri)
                    artifact.custom_properties[OUTPUT_DIGEST].string_value = digest
        super()._publish_successful_execution(execution_id, contexts, output_dict, executor_output)


@contextlib.contextmanager
def _reuse_only_whole() -> Iterator[None]:
    """Has TFX's search for a cached result pass over those that were altered.

    The search takes RuntimeError for "look at the next one" (cache_utils.get_cached_outputs); it
    offers no other place for a check of one's own.
    """
    before = cache_utils.artifact_utils.verify_artifacts
    cache_utils.artifact_utils.verify_artifacts = _verify
    try:
        yield
    finally:
        cache_utils.artifact_utils.verify_artifacts = before


def _verify(artifacts: Artifacts) -> None:
    for artifact in _each(artifacts):
        if artifact.type_name in UNCHECKED_TYPES:
            continue
        recorded = artifact.get_string_custom_property(OUTPUT_DIGEST) or None
        damage = find_damage(artifact.uri, recorded)
        if published := artifact.get_string_custom_property(DESTINATION):
            damage = damage or _damage_of_version(published)
        if damage is not None:
            log.warning("A cached result is not used: %s", damage)
            raise RuntimeError(damage)


def _damage_of_version(folder: str) -> str | None:
    """What is wrong with a published version, which lies outside of the artifact that names it."""
    if storage.is_remote(folder):
        return None  # whoever may write there is no part of this machine; reading it all is dear
    try:
        check_version(folder)
    except InputError as error:
        return str(error)
    return None


def _each(artifacts: Artifacts) -> Iterator[Artifact]:
    for found in artifacts.values():
        yield from found
