"""Units of work to results, through Beam: the unit is a shard, and each writes its own file.

Results come back as small files, because a Beam pipeline returns nothing; so the same code
runs in this process, in several, and on Dataflow with a folder on an object store.
"""

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from components.tfx_internals.beam_workers import supervise_workers
from core import storage
from core.errors import InputError
from core.failpoints import failpoint

Unit = dict[str, Any]
Result = dict[str, Any]
LOOK_EVERY_SECONDS = 0.5


def map_units(
    make_pipeline: Callable[[], beam.Pipeline],
    work: Callable[[Unit], Result],
    units: Sequence[Unit],
    scratch: str,
    label: str,
) -> list[Result]:
    """Does the work on every unit, on as many workers as the pipeline has.

    Args:
        make_pipeline: an executor's `_make_beam_pipeline`.
        work: a module-level function, or a partial of one; takes and returns what JSON can hold.
            It may be called twice for a unit (Beam retries), so it writes its files atomically.
        units: what to work on.
        scratch: a folder for the results, which the caller removes when it is done.
        label: named in the progress bar.

    Returns:
        The results, in the order of the units.

    Raises:
        InputError: that of the first unit, in order, that raised one.
        LostWorkerError: a worker process died.
    """
    storage.make_folder(scratch)
    with _progress(scratch, len(units), label), supervise_workers(), make_pipeline() as pipeline:
        _ = (
            pipeline
            | "Units" >> beam.Create(list(enumerate(units)))
            | "Spread" >> beam.Reshuffle()
            | "Work" >> beam.ParDo(_Work(work, scratch))
        )
    results = [json.loads(storage.read_bytes(_path(scratch, n))) for n in range(len(units))]
    for result in results:
        if "input_error" in result:
            raise InputError(result["input_error"])
    return results


class _Work(beam.DoFn):
    """Calls the work and leaves its result, or the user's error, in a file."""

    def __init__(self, work: Callable[[Unit], Result], scratch: str) -> None:
        self._work = work
        self._scratch = scratch

    def process(self, element: tuple[int, Unit]) -> list[Result]:
        number, unit = element
        try:
            result = self._work(unit)
        except InputError as error:
            result = {"input_error": str(error)}
        failpoint("beam-work")
        storage.write_bytes(_path(self._scratch, number), json.dumps(result).encode())
        return []  # the file is the result; Beam wants something to iterate over


def _path(scratch: str, number: int) -> str:
    return storage.join(scratch, f"result-{number:05d}.json")


@contextlib.contextmanager
def _progress(scratch: str, total: int, label: str) -> Iterator[None]:
    """Shows how many units are done, where somebody looks at a terminal."""
    if total < 2 or storage.is_remote(scratch) or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress

    stop = threading.Event()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)

        def look() -> None:
            while not stop.wait(LOOK_EVERY_SECONDS):
                done = len(storage.list_files(storage.join(scratch, "result-*.json")))
                progress.update(task, completed=done)

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
