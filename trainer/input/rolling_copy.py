"""Copy a remote split to this machine group by group, if the disk has no room for all of it.

The records of a group of shards are read together (`record_order.py`). Each group is downloaded
before it is read, and deleted after; the requests have `core.gcs`'s bounded retries, which those of
TensorFlow's own reader have not.
"""

import contextlib
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import storage
from core.errors import StorageError, TextmillError
from core.manifest import Shard, copy_shards
from core.temporary import TemporaryFolder

GROUP_SHARDS = 16  # read in parallel
USABLE_SPACE = 0.9  # of what is free on the disk
_GROUPS = 2  # on the disk at once: one is read while the next is downloaded

Group = tuple[np.ndarray, int, int]  # shard numbers, seed of the window, records to skip
GroupFiles = tuple[Sequence[str], int, int]  # with files instead of shard numbers


@dataclass(frozen=True)
class RollingCopy:
    """A local copy of the groups that are being read."""

    folder: str  # of the remote artifact
    shards: Sequence[Shard]
    failures: list[TextmillError] = field(default_factory=list)

    def files(self, groups: Iterator[Group]) -> Iterator[GroupFiles]:
        """Download the shards of each group when it is asked for, and delete those of earlier ones.

        A group may be asked for while the one before it is read.
        """
        kept: deque[Path] = deque()
        with TemporaryFolder("instances") as room:
            for number, (shards, seed, skipped) in enumerate(groups):
                if len(kept) == _GROUPS:
                    shutil.rmtree(kept.popleft())
                kept.append(Path(room, str(number)))
                wanted = [self.shards[shard] for shard in shards]
                try:
                    copy_shards(self.folder, wanted, str(kept[-1]))
                except TextmillError as error:
                    self.failures.append(error)
                    raise
                yield [storage.join(str(kept[-1]), shard.path) for shard in wanted], seed, skipped

    @contextlib.contextmanager
    def raising_failures(self) -> Iterator[None]:
        """Raise the failure of a download, which TensorFlow reports as an error of its own."""
        import tensorflow as tf  # not above: InstanceGen's workers import this module

        try:
            yield
        except tf.errors.OpError as error:
            if self.failures:
                raise self.failures[0] from error
            raise


def has_room(folder: str, shards: Sequence[Shard]) -> bool:
    """Return whether all shards fit on the disk; if not, some groups of them do.

    Raises:
        StorageError: not even the groups fit that are needed at once.
    """
    sizes = sorted((shard.size_bytes for shard in shards), reverse=True)
    free = USABLE_SPACE * shutil.disk_usage(tempfile.gettempdir()).free
    if sum(sizes) <= free:
        return True
    needed = _GROUPS * sum(sizes[:GROUP_SHARDS])
    if needed > free:
        raise StorageError(
            f"{folder}: {needed:,} bytes of instances are needed at once on this machine, and "
            f"{tempfile.gettempdir()} has room for {free:,.0f}. Set TMPDIR to a larger disk, or "
            f"lower text.shard_bytes."
        )
    return False
