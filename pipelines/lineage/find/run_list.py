"""The graph to a table of runs: when, how it ended, what came of it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Run
from pipelines.metadata.names import CACHED, FAILED, INTERRUPTED, RUNNING
from pipelines.metadata.read_store import Properties

MEASURES = ("masked_lm_loss", "unigram_loss", "blessed", "pushed_version", "pushed_destination")


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run in a line."""

    run: str
    pipeline: str
    began: float  # seconds since 1970
    seconds: float  # from the first node's begin to the last one's end
    state: str  # succeeded, failed, interrupted, running
    nodes: dict[str, int]  # how many ran, were cached, failed; a resolver does neither
    model: int | None  # artifact id
    reused: bool  # the model is an earlier run's
    loss: float | None  # masked_lm_loss on held-out text, in nats
    unigram_loss: float | None  # of the baseline that knows only frequencies
    blessed: bool | None
    version: str | None  # published as
    published: str | None  # the folder


def list_runs(archive: Archive, *, only: frozenset[str] = frozenset()) -> list[RunRow]:
    """The runs, newest first.

    Args:
        archive: the workdir's.
        only: keep what these words say: a state, "blessed", "published", or a pipeline's name.
    """
    measures = archive.store.properties(None, MEASURES)
    rows = (_row(archive, run, measures) for run in reversed(list(archive.graph.runs.values())))
    return [row for row in rows if only <= set(_words(row))]


def run_state(archive: Archive, run: Run) -> str:
    """How a run ended: succeeded, failed or interrupted; or that it is running.

    A run that was killed between two nodes has no execution that tells; it left no summary.
    """
    states = {execution.state for execution in archive.graph.of_run(run.id).values()}
    if run.id == archive.running or RUNNING in states:
        return RUNNING
    if FAILED in states:
        return FAILED
    folder = archive.workdir / "runs" / run.id
    is_cut = folder.is_dir() and not (folder / "summary.json").exists()
    return INTERRUPTED if not states or INTERRUPTED in states or is_cut else "succeeded"


def run_ending(archive: Archive, run: Run) -> str:
    """How a run ended, and at which node if not well: "failed at Trainer"."""
    state = run_state(archive, run)
    nodes = archive.graph.of_run(run.id).values()
    at = next((e.node_id for e in nodes if e.state in (FAILED, INTERRUPTED, RUNNING)), None)
    return f"{state} at {at}" if at else state


def _words(row: RunRow) -> Iterator[str]:
    yield from (row.state, row.pipeline, row.run)
    if row.blessed:
        yield "blessed"
    if row.version:
        yield "published"


def _row(archive: Archive, run: Run, measures: Mapping[int, Properties]) -> RunRow:
    graph = archive.graph
    executions = graph.of_run(run.id)
    found: Properties = {}
    for execution in executions.values():
        for edge in graph.outputs(execution.id):
            if edge.kind == "output":
                found |= measures.get(edge.artifact, {})
    trainer = executions.get("Trainer")
    model = archive.outputs(trainer).get("model") if trainer else None
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
        loss=found.get("masked_lm_loss"),
        unigram_loss=found.get("unigram_loss"),
        blessed=bool(found["blessed"]) if isinstance(found.get("blessed"), int) else None,
        version=found.get("pushed_version"),
        published=found.get("pushed_destination"),
    )
