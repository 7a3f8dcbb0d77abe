"""Process units of work on an engine: a unit is a shard, and each one writes its own file.

A Beam pipeline returns nothing, so results come back as small files. The same code therefore runs
in one process, in several, on Dataflow with a folder on an object store, and on a Dask cluster.
On this machine there is no Beam: its workers take three seconds of CPU time and 150 MB each.
"""

import contextlib
import json
import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)

from components.code_digest import code_digest
from components.local_workers import process_in_workers
from components.tfx_internals.beam_flags import DaskOptions
from components.unit_work import Result, Unit, UnitWork, result_path
from core import storage
from core.errors import InputError, TextmillError
from core.progress import show_progress

Element = tuple[int, str]  # the number of the file of results, and the units as JSON
log = logging.getLogger(__name__)
DASK_TIMEOUT_SECONDS = 30  # to reach the scheduler
MAX_RESULTS = 1024  # files; with more units, several of them share one, and are one task


class EngineError(TextmillError):
    """The engine that runs the units cannot be used, or gave up."""


def map_units(
    make_pipeline: Callable[[], beam.Pipeline],
    work: Callable[[Unit], Result],
    units: Sequence[Unit],
    scratch: str,
    label: str,
) -> list[Result]:
    """Process every unit on as many workers as the pipeline has; return the results in order.

    `work` is a module-level function, or a partial of one; units and results fit in JSON. Engines
    may retry it, so it must write its files atomically. The caller removes the folder `scratch`. A
    single unit is processed here, without the engine.

    Raises:
        InputError: the error of the first unit, in order, that raised one.
        LostWorkerError: a worker process on this machine died.
        EngineError: the Dask cluster or the job server cannot be used.
    """
    if len(units) == 1:  # faster than starting workers
        return [work(units[0])]
    storage.make_folder(scratch)
    size = max(1, math.ceil(len(units) / MAX_RESULTS))
    starts = range(0, len(units), size)
    with _show_progress(scratch, len(starts), label):
        # Beam would infer the types of all that a unit holds, minutes for a million files.
        groups = (json.dumps(units[start : start + size]) for start in starts)
        _run(make_pipeline(), UnitWork(work, scratch), list(enumerate(groups)))
    paths = [result_path(scratch, number) for number in range(len(starts))]
    contents = storage.transfer(storage.read_bytes, paths)
    results = [result for content in contents for result in json.loads(content)]
    for result in results:
        if "input_error" in result:
            raise InputError(result["input_error"])
    return results


def _run(pipeline: beam.Pipeline, do: UnitWork, elements: Sequence[Element]) -> None:
    """Process the elements on the engine that the pipeline's options name."""
    options = pipeline.options
    if scheduler := options.view_as(DaskOptions).dask_scheduler:
        _run_on_dask(scheduler, do, elements)
        return
    if options.view_as(StandardOptions).runner is None:
        _run_here(options.view_as(DirectOptions).direct_num_workers, do, elements)
        return
    with _explain_job_server(options), pipeline:
        _ = (
            pipeline
            | "Units" >> beam.Create(elements)
            | "Spread" >> beam.Reshuffle()
            | "Work" >> beam.FlatMap(do)
        )


def _run_here(workers: int, do: UnitWork, elements: Sequence[Element]) -> None:
    """Process the elements in processes of this machine, or in this one."""
    if (workers := min(workers, len(elements))) > 1:
        process_in_workers(do, elements, workers)
        return
    for element in elements:
        do(element)


@contextlib.contextmanager
def _explain_job_server(options: PipelineOptions) -> Iterator[None]:
    """Raise EngineError if a job server cannot be reached, or its job fails."""
    server = options.view_as(PortableOptions)
    try:
        yield
    except Exception as error:
        if not server.job_endpoint or isinstance(error, TextmillError):
            raise
        log.error("the job server", exc_info=error)
        environment = f"{server.environment_type}:{server.environment_config or ''}".rstrip(":")
        raise EngineError(
            f"The job server {server.job_endpoint} did not finish its job ("
            f"{_find_reason(str(error))}). Check that it reaches beam.environment "
            f"{environment}, and that workers see the workdir and the text. The run's log has more."
        ) from error


def _find_reason(message: str) -> str:
    """Return the sentence of gRPC or of the last exception in a server's message."""
    if details := re.findall(r'details = "(.+)"', message):
        return str(details[-1])
    raised = re.findall(r"^[\w.]+(?:Error|Exception): .+", message, re.MULTILINE)
    return str(raised[-1]) if raised else message.partition("\n")[0] or "it does not answer"


def _run_on_dask(scheduler: str, do: UnitWork, elements: Sequence[Element]) -> None:
    """Process the elements on a Dask cluster, which repeats those of a worker that dies.

    Raises:
        EngineError: the cluster cannot be reached, its scheduler ended, or workers died again and
            again.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise EngineError(
            "beam.engine=dask needs the package distributed, in this environment and in that of "
            "the workers. `make setup` installs it."
        ) from None
    try:
        client = Client(scheduler, timeout=DASK_TIMEOUT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise EngineError(
            f"Cannot reach the Dask scheduler {scheduler} ({error}). Start it, or change "
            f"beam.endpoint."
        ) from error
    with client:
        _check_workers(client, do.module)
        futures = client.map(do, elements, pure=False, retries=2)
        try:
            client.gather(futures)
        except KilledWorker as error:
            raise EngineError(
                f"Dask's workers died again and again while they processed the same unit: {error}. "
                f"If memory is short, start fewer workers per machine."
            ) from error
        except CancelledError as error:
            raise EngineError(
                f"The Dask scheduler {scheduler} ended before its work did. Start it and its "
                f"workers, and run again."
            ) from error
        finally:
            client.cancel(futures)


def _check_workers(client: Any, module: str) -> None:
    """Raise if the cluster has no worker, or one with other code or libraries than this process."""
    try:
        client.wait_for_workers(1, timeout=DASK_TIMEOUT_SECONDS)
    except TimeoutError:
        raise EngineError(
            f"The Dask scheduler {client.scheduler.address} has no worker. Start some with "
            f"`dask worker {client.scheduler.address} --nthreads 1`."
        ) from None
    digests = client.run(code_digest, module)
    others = sorted(worker for worker, digest in digests.items() if digest != code_digest(module))
    if others:
        raise EngineError(
            f"The Dask workers {', '.join(others)} have other code or libraries than this process. "
            f"Install the same commit and the same lock, and start them again."
        )


def _show_progress(
    scratch: str, total: int, label: str
) -> contextlib.AbstractContextManager[object]:
    """Show the number of finished units; an object store is not listed again and again for it."""
    if storage.is_remote(scratch):
        return show_progress(label)
    results = storage.join(scratch, "result-*.json")
    return show_progress(label, "shards", total, lambda: len(storage.list_files(results)))
