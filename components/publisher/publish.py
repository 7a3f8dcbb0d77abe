"""Publish a model and its card as one version.

destination/
  latest.json          names the newest version
  blessed.json         names the version to use: the newest, until someone moves it
  1763862000/          a version, in the form that TensorFlow Serving expects
    saved_model.pb …   the SavedModel
    transformers/ …    the same weights for `transformers`
    README.md          the model card, here and in transformers/
    manifest.json      written last
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from components.publisher.aliases import LATEST, bless, move_alias
from components.publisher.versions import Files, claim_version, complete_versions, write_version
from core import storage
from core.errors import InputError
from core.file_names import CARD
from core.manifest import MANIFEST, Manifest, Shard, describe_file, read_manifest, verify_shards

log = logging.getLogger(__name__)
# A model without these files cannot be loaded.
REQUIRED = ("saved_model.pb", "transformers/config.json", "transformers/model.safetensors")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A published version of a model."""

    version: str
    folder: str
    content_digest: str  # digest of the folder's manifest
    reused: bool  # the newest version has the same content, so nothing was written


def publish(
    model: str, card: str, destination: str, clock: Callable[[], float] = time.time
) -> Publication:
    """Publish a model as a new version.

    If the newest version has the same content, it is reused, for example after a run that was
    killed before it could record the version.

    Args:
        model: folder of the exported model, with a manifest.
        card: folder of the model card.
        destination: folder of all versions, local or on an object store.
        clock: returns seconds since 1970; a version is `max(now, last version + 1)`.

    Raises:
        InputError: the model is incomplete or changed, or the destination is not writable.
    """
    source = read_manifest(model)
    _check_model(model, source)
    if not (storage.is_remote(model) and storage.is_remote(destination)):
        verify_shards(model, source)  # otherwise the store's copies are compared
    files, manifest = _plan(model, source, card)
    digest = manifest.content_digest()
    version = _find_equal(destination, digest)
    reused = version is not None
    if version is None:
        version = claim_version(destination, int(clock()))
        write_version(destination, version, files, manifest)
    _point_to_latest(destination)
    bless(destination, version)
    return Publication(
        version=str(version),
        folder=storage.join(destination, str(version)),
        content_digest=digest,
        reused=reused,
    )


def _check_model(model: str, manifest: Manifest) -> None:
    paths = {shard.path for shards in manifest.shards.values() for shard in shards}
    missing = [path for path in REQUIRED if path not in paths]
    if missing:
        raise InputError(
            f"{model}: its {MANIFEST} does not name {', '.join(missing)}, so it is not an exported "
            f"model. Run the Trainer again."
        )
    for path in sorted(paths):
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or path in (CARD, MANIFEST):
            raise InputError(
                f"{model}: its {MANIFEST} names {path!r}, which is not a file of a model. "
                f"Run the Trainer again."
            )


def _plan(model: str, source: Manifest, card: str) -> tuple[Files, Manifest]:
    """Plan the copies and the manifest of the version.

    `saved_model.pb` comes last, because TensorFlow Serving loads a version on an object store as
    soon as that file exists.
    """
    described = describe_file(card, CARD)
    shards = [shard for of_split in source.shards.values() for shard in of_split]
    pairs: Files = [(storage.join(model, shard.path), shard) for shard in shards]
    for folder in ("", "transformers/"):
        shard = described.model_copy(update={"path": f"{folder}{CARD}"})
        pairs.append((storage.join(card, CARD), shard))
    pairs.sort(key=lambda pair: (pair[1].path == REQUIRED[0], pair[1].path))
    listed: list[Shard] = [shard for _, shard in pairs]
    manifest = Manifest(
        kind="published model",
        shards={"all": listed},
        counts=source.counts,
        facts={**source.facts, "model_digest": source.content_digest()},
    )
    return pairs, manifest


def check_version(folder: str) -> Manifest:
    """Compare a published version with its manifest.

    Raises:
        InputError: it is incomplete or has changed.
    """
    manifest = read_manifest(folder)
    verify_shards(folder, manifest)
    return manifest


def _find_equal(destination: str, digest: str) -> int | None:
    """Return the newest version if its content equals the one to be published."""
    versions = complete_versions(destination)
    if not versions:
        return None
    newest = storage.join(destination, str(versions[-1]))
    if read_manifest(newest).content_digest() != digest:
        return None
    try:
        check_version(newest)
    except InputError as damage:
        log.warning("The newest version is damaged, so the model is published again: %s", damage)
        return None
    return versions[-1]


def _point_to_latest(destination: str) -> None:
    """Write `latest.json`; repeat if another publisher finished in the meantime."""
    written = None
    while written != (newest := complete_versions(destination)[-1]):
        move_alias(destination, LATEST, newest)
        written = newest
