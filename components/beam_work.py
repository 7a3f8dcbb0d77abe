"""Process units of work with Beam: a unit is a shard, and each one writes its own file.

A Beam pipeline returns nothing, so results come back as small files. The same code therefore runs
in one process, in several, and on Dataflow with a folder on an object store.
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
REFRESH_SECONDS = 0.5


def map_units(
    make_pipeline: Callable[[], beam.Pipeline],
    work: Callable[[Unit], Result],
    units: Sequence[Unit],
    scratch: str,
    label: str,
) -> list[Result]:
    """Process every unit on as many workers as the pipeline has; return the results in order.

    `work` is a module-level function, or a partial of one, whose result fits in JSON. Beam may
    retry it, so it must write its files atomically. The caller removes the folder `scratch`.

    Raises:
        InputError: the error of the first unit, in order, that raised one.
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
    """Call the work, and write its result or its input error to a file."""

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
        return []  # Beam needs an iterable; the result is in the file


def _path(scratch: str, number: int) -> str:
    return storage.join(scratch, f"result-{number:05d}.json")


@contextlib.contextmanager
def _progress(scratch: str, total: int, label: str) -> Iterator[None]:
    """Show the number of finished units, if stderr is a terminal."""
    if total < 2 or storage.is_remote(scratch) or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress

    stop = threading.Event()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)

        def refresh() -> None:
            while not stop.wait(REFRESH_SECONDS):
                done = len(storage.list_files(storage.join(scratch, "result-*.json")))
                progress.update(task, completed=done)

        thread = threading.Thread(target=refresh, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
