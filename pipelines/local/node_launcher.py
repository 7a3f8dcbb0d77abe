"""TFX's launcher with what it leaves open: results are reused only whole, and begin empty."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx.types import Artifact

from components.publisher.publishing import check_version
from components.tfx_internals.launcher import Artifacts, HookedLauncher
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


class NodeLauncher(HookedLauncher):
    """Look a node up in the cache, run it if needed, and publish its outputs."""

    def check_cached(self, artifacts: Artifacts) -> None:
        """Reject a cached result that is damaged."""
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
