"""Read the versions of a published model, and choose the one to use."""

import os
from datetime import UTC, datetime

from components.publisher.aliases import BLESSED, list_aliases, move_alias, read_alias
from components.publisher.publish import check_version
from components.publisher.versions import complete_versions
from core import storage
from core.errors import InputError
from core.manifest import read_manifest
from pipelines.models.registry import Registry
from pipelines.models.version import Version

REGISTRY = "vertex://"


def read_versions(destination: str) -> list[Version]:
    """Return the complete versions in a folder or in Vertex AI's registry, newest first.

    Raises:
        InputError: there is none.
        VertexError: the registry refused.
    """
    if destination.startswith(REGISTRY):
        return _registry(destination).versions()
    aliases = list_aliases(destination)
    versions = [
        _read(destination, number, aliases) for number in complete_versions(destination)[::-1]
    ]
    if not versions:
        raise InputError(
            f"{destination}: holds no published version. Pass the folder of the versions, for "
            f"example work/published/demo or gs://BUCKET/ROOT/published/RECIPE."
        )
    return versions


def _registry(address: str) -> Registry:
    return Registry(address, os.environ.get("TEXTMILL_VERTEX_ENDPOINT"))


def _read(destination: str, number: int, aliases: dict[str, str]) -> Version:
    folder = storage.join(destination, str(number))
    manifest = read_manifest(folder)
    return Version(
        version=str(number),
        aliases=tuple(sorted(name for name, at in aliases.items() if at == str(number))),
        published=datetime.fromtimestamp(number, UTC).isoformat(),
        folder=folder,
        content_digest=manifest.content_digest(),
        size_bytes=sum(shard.size_bytes for shard in manifest.all_files()),
    )


def find_version(destination: str, name: str) -> Version:
    """Return a version by its number or an alias.

    Raises:
        InputError: there is none.
    """
    versions = read_versions(destination)
    for version in versions:
        if name == version.version or name in version.aliases:
            return version
    known = ", ".join(v.version for v in versions)
    raise InputError(f"{destination}: has no version or alias {name}. Its versions: {known}.")


def promote(destination: str, name: str, alias: str) -> Version:
    """Let an alias name a version, after checking all bytes of the version.

    Raises:
        InputError: there is no such version, or it is damaged.
    """
    version = find_version(destination, name)
    if destination.startswith(REGISTRY):
        _registry(destination).promote(version, alias)
        return version
    check_version(version.folder)
    current = read_alias(destination, alias)
    newest = read_versions(destination)[0].version
    # The next run may publish the same content again, and must not undo a person's decision.
    is_older = alias == BLESSED and version.version != newest
    instead_of = newest if is_older and current else None
    move_alias(destination, alias, int(version.version), instead_of=instead_of)
    return version


def rollback(destination: str) -> Version:
    """Let `blessed` name the version before the one that it names.

    Raises:
        InputError: there is no version before it, or it is damaged.
    """
    current = find_version(destination, BLESSED).version
    older = [v for v in read_versions(destination) if int(v.version) < int(current)]
    if not older:
        raise InputError(
            f"{destination}: {current} is the oldest version, so there is none before."
        )
    return promote(destination, older[0].version, BLESSED)
