"""A cached artifact to whether it may be used again: not a byte of it changed."""

import logging
from pathlib import Path

from components.publisher.publishing import check_version
from core.errors import InputError
from pipelines.metadata.output_digest import OUTPUT_DIGEST, UNCHECKED_TYPES, find_damage
from pipelines.spec_runner.spec.artifacts import LiveArtifact

PUBLISHED = "pushed_destination"  # TFX's property of a pushed model: the version's folder
log = logging.getLogger(__name__)


def is_whole(artifact: LiveArtifact) -> bool:
    """Whether a cached artifact is on the disk as it was written; a single file is only there."""
    if artifact.type.name in UNCHECKED_TYPES or Path(artifact.uri).is_file():
        return Path(artifact.uri).exists()
    damage = find_damage(artifact.uri, artifact.metadata.get(OUTPUT_DIGEST))
    published = artifact.metadata.get(PUBLISHED)
    if damage is None and published:
        try:
            check_version(published)
        except InputError as error:
            damage = str(error)
    if damage is not None:
        log.warning("A cached result is not used: %s", damage)
    return damage is None
