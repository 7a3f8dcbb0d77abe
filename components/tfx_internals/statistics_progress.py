"""Count the examples that TFX's StatisticsGen has read, while it reads them.

It has no hook. Its executor asks `tfxio_utils.get_split_tfxio` for a source, so we replace that
function during the execution, and count what the source yields. Beam's workers may be processes, so
each writes its count to a file of its own.
"""

import contextlib
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from tfx.components.statistics_gen import executor

WRITE_SECONDS = 0.2


@contextlib.contextmanager
def count_examples() -> Iterator[Callable[[], int]]:
    """Yield a function that returns how many examples a StatisticsGen has read in the block."""
    utils, name = executor.tfxio_utils, "get_split_tfxio"
    original = getattr(utils, name)
    with tempfile.TemporaryDirectory(prefix="textmill-examples-") as folder:
        setattr(utils, name, lambda **inputs: _CountedSource(original(**inputs), folder))
        try:
            yield lambda: sum(map(_read, Path(folder).iterdir()))
        finally:
            setattr(utils, name, original)


class _CountedSource:
    """A TFXIO whose source counts its examples."""

    def __init__(self, tfxio: Any, folder: str) -> None:
        self._tfxio, self._folder = tfxio, folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tfxio, name)

    def BeamSource(self, batch_size: int | None = None) -> Any:
        """Return the source, followed by a step that counts."""
        return _ReadAndCount(self._tfxio.BeamSource(batch_size), self._folder)


class _ReadAndCount(beam.PTransform):
    def __init__(self, source: Any, folder: str) -> None:
        super().__init__()
        self._source, self._folder = source, folder

    def expand(self, pipeline: Any) -> Any:
        return pipeline | self._source | "Count" >> beam.ParDo(_Count(self._folder))


class _Count(beam.DoFn):
    """Pass record batches on, and write the number of their rows to a file now and then."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._rows = 0
        self._written = 0.0

    def setup(self) -> None:
        self._path = Path(self._folder, uuid.uuid4().hex)

    def process(self, batch: Any) -> Iterator[Any]:
        yield batch
        self._rows += batch.num_rows
        if time.monotonic() - self._written >= WRITE_SECONDS:
            self._write()

    def finish_bundle(self) -> None:
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        with contextlib.suppress(OSError):  # a worker on another machine; it is only a display
            self._path.write_text(str(self._rows))


def _read(path: Path) -> int:
    text = path.read_text()
    return int(text) if text else 0  # it is just being written
