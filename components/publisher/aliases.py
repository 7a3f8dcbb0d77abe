"""Name versions of a published model by aliases, each of which is a file next to the versions.

destination/
  latest.json   the newest version
  blessed.json  the version to use: the newest, until someone moves it
  1763862000/   a version
"""

import json
import re
from typing import Any

from components.publisher.versions import complete_versions
from core import storage
from core.errors import InputError
from core.manifest import MANIFEST, read_manifest

LATEST, BLESSED = "latest", "blessed"
ALIAS = re.compile(r"[a-z][a-z0-9-]{0,62}")
INSTEAD_OF = "instead_of"  # key: the version that `blessed` was moved away from


def read_alias(destination: str, alias: str) -> dict[str, Any] | None:
    """Return what an alias says: `version`, `manifest`, `content_digest`; None without one."""
    content = storage.read_if_exists(_path(destination, alias))
    written: dict[str, Any] | None = json.loads(content) if content else None
    return written


def move_alias(
    destination: str, alias: str, version: int, *, instead_of: str | None = None
) -> None:
    """Let an alias name a version.

    Args:
        destination: folder of all versions.
        alias: lower-case letters, digits and hyphens.
        version: a complete version.
        instead_of: the version that a person rejected.

    Raises:
        InputError: the alias is malformed, or the version is not complete.
    """
    if not ALIAS.fullmatch(alias):
        raise InputError(f"{alias}: write an alias in lower-case letters, digits and hyphens.")
    if version not in complete_versions(destination):
        raise InputError(f"{destination}: has no complete version {version}.")
    manifest = read_manifest(storage.join(destination, str(version)))
    content = {
        "version": str(version),
        "manifest": f"{version}/{MANIFEST}",
        "content_digest": manifest.content_digest(),
        **({INSTEAD_OF: instead_of} if instead_of else {}),
    }
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    storage.write_bytes(_path(destination, alias), text.encode())


def bless(destination: str, version: int) -> None:
    """Let `blessed` name a published version, unless a person moved it away from that one."""
    current = read_alias(destination, BLESSED)
    if current is None or current.get(INSTEAD_OF) != str(version):
        move_alias(destination, BLESSED, version)


def list_aliases(destination: str) -> dict[str, str]:
    """Return the aliases and the versions that they name."""
    names = [
        path.rpartition("/")[2].removesuffix(".json")
        for path in storage.list_files(storage.join(destination, "*.json"))
    ]
    read = {name: read_alias(destination, name) for name in names if ALIAS.fullmatch(name)}
    return {name: content["version"] for name, content in read.items() if content}


def _path(destination: str, alias: str) -> str:
    return storage.join(destination, f"{alias}.json")
