"""List runs with their start, duration, state and results."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import compress

from core.errors import InputError, did_you_mean
from core.file_names import SUMMARY
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Execution, Run
from pipelines.metadata.names import (
    CACHED,
    FAILED,
    INTERRUPTED,
    PUSHED_DESTINATION,
    PUSHED_VERSION,
    RUNNING,
    TRAINER,
)
from pipelines.metadata.source import Properties

SUCCEEDED = "succeeded"
STATES = (SUCCEEDED, FAILED, INTERRUPTED, RUNNING)
PUBLICATION = ("blessed", "published")
METRICS = ("masked_lm_loss", "unigram_loss", "blessed", PUSHED_VERSION, PUSHED_DESTINATION)


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run as a row of a table."""

    run: str
    pipeline: str
    began: float  # seconds since 1970
    seconds: float  # from the start of the first node to the end of the last one
    state: str  # succeeded, failed, interrupted, running
    nodes: dict[str, int]  # state to number of nodes, without resolvers
    model: int | None  # artifact id
    reused: bool  # the model is an earlier run's
    loss: float | None  # masked_lm_loss on held-out text, in nats
    unigram_loss: float | None  # of the unigram baseline
    blessed: bool | None
    version: str | None  # published version
    published: str | None  # folder of the published version


def list_runs(archive: Archive, *, only: frozenset[str] = frozenset()) -> list[RunRow]:
    """Return the runs, newest first.

    With `only`, return those with all of its words: a state, "blessed", "published", or the name of
    a pipeline.

    Raises:
        InputError: a word is none of these.
    """
    pipelines = dict.fromkeys(run.pipeline for run in archive.graph.runs.values())
    known = (*STATES, *PUBLICATION, *pipelines)
    for word in sorted(only - {*known, *archive.graph.runs}):
        raise InputError(
            f"--only {word}: neither a state nor a pipeline of these runs."
            f"{did_you_mean(word, known)} Known words: {', '.join(known)}."
        )
    metrics = archive.store.properties(None, METRICS)
    rows = (_row(archive, run, metrics) for run in reversed(list(archive.graph.runs.values())))
    return [row for row in rows if only <= set(_words(row))]


def run_state(archive: Archive, run: Run) -> str:
    """Return the state of a run: succeeded, failed, interrupted or running.

    A run that was killed between two nodes has only complete executions, but no summary.
    """
    states = {execution.state for execution in archive.graph.of_run(run.id).values()}
    if run.id == archive.running or RUNNING in states:
        return RUNNING
    if FAILED in states:
        return FAILED
    folder = archive.workdir / "runs" / run.id
    was_killed = folder.is_dir() and not (folder / SUMMARY).exists()
    return INTERRUPTED if not states or INTERRUPTED in states or was_killed else SUCCEEDED


def run_ending(archive: Archive, run: Run) -> str:
    """Return the state of a run, and the node at which it ended: "failed at Trainer"."""
    state = run_state(archive, run)
    nodes = archive.graph.of_run(run.id).values()
    last = next((e.node_id for e in nodes if e.state in (FAILED, INTERRUPTED, RUNNING)), None)
    return f"{state} at {last}" if last else state


def find_trained_model(archive: Archive, trainer: Execution | None) -> Artifact | None:
    """Return the model that a Trainer's execution wrote or reused, if any."""
    return archive.outputs(trainer).get("model") if trainer else None


def _words(row: RunRow) -> Iterator[str]:
    yield from (row.state, row.pipeline, row.run)
    yield from compress(PUBLICATION, (row.blessed, row.version))


def _row(archive: Archive, run: Run, metrics: Mapping[int, Properties]) -> RunRow:
    graph = archive.graph
    executions = graph.of_run(run.id)
    of_run: Properties = {}
    for execution in executions.values():
        for edge in graph.outputs(execution.id):
            if edge.kind == "output":
                of_run |= metrics.get(edge.artifact, {})
    trainer = executions.get(TRAINER)
    model = find_trained_model(archive, trainer)
    last = max((execution.ended for execution in executions.values()), default=run.began)
    return RunRow(
        run=run.id,
        pipeline=run.pipeline,
        began=run.began,
        seconds=round(last - run.began, 1),
        state=run_state(archive, run),
        nodes=dict(Counter(e.state for e in executions.values() if not e.looks_up)),
        model=model.id if model else None,
        reused=trainer is not None and trainer.state == CACHED,
        loss=of_run.get("masked_lm_loss"),
        unigram_loss=of_run.get("unigram_loss"),
        blessed=bool(of_run["blessed"]) if isinstance(of_run.get("blessed"), int) else None,
        version=of_run.get(PUSHED_VERSION),
        published=of_run.get(PUSHED_DESTINATION),
    )
