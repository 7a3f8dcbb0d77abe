"""List the kill points: where a run is killed, its stage, and how many steps it may lose."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.conftest import DOCUMENTS, INSTANCES

STEPS, SAVE_EVERY = 6, 2  # of tests/pipelines/tiny.yaml
UNSAVED = range(1, SAVE_EVERY + 1)  # some steps, but no more than since the last checkpoint
KILLED, TERMINATED, FAILED = -9, 143, 1


@dataclass(frozen=True)
class Start:
    """The stage that a run starts from, and the pass of its failpoint that kills it."""

    stage: str | None  # from conftest; None: an empty workdir
    passage: int
    steps: int = 0  # trained by then in this run


@dataclass(frozen=True)
class KillPoint:
    """A kill point; short test runs use only its first start."""

    name: str
    description: str
    failpoint: str
    starts: tuple[Start, ...]
    signal: str = "KILL"
    code: int = KILLED
    words: tuple[str, ...] = field(default=())  # further arguments
    may_lose: range = range(1)  # numbers of trained steps that the next run may repeat


def _starts(stage: str | None, *passages: int, steps: int = 0) -> tuple[Start, ...]:
    return tuple(Start(stage, passage, steps) for passage in passages)


def _saves(*passages: int) -> tuple[Start, ...]:
    """Make starts at passes that happen once per SAVE_EVERY steps."""
    return tuple(Start(INSTANCES, passage, passage * SAVE_EVERY) for passage in passages)


def _calls(*passages: int) -> tuple[Start, ...]:
    """Make starts at calls of the training step: one step first, then up to the next checkpoint."""
    steps = [1, *range(SAVE_EVERY, STEPS + 1, SAVE_EVERY)]
    return tuple(Start(INSTANCES, passage, steps[passage - 1]) for passage in passages)


KILL_POINTS = (
    KillPoint("K1", "reading text", "read-text", _starts(None, 2, 1, 3)),
    KillPoint(
        "K2",
        "writing a TFRecord shard",
        "write-shard",
        (*_starts(DOCUMENTS, 1, 2), *_starts(None, 1, 2)),
    ),
    KillPoint(
        "K3",
        "after data, before the rename",
        "before-rename",
        (
            *_starts(DOCUMENTS, 7, 1, 2, 4, 9),
            *_starts(None, 1, 3),
            *_starts(INSTANCES, 1),
            Start(INSTANCES, 10, STEPS),
        ),
    ),
    KillPoint(
        "K4",
        "after the rename, before the manifest",
        "before-manifest",
        (*_starts(DOCUMENTS, 1), *_starts(None, 1, 2), Start(INSTANCES, 1, STEPS)),
    ),
    KillPoint(
        "K5",
        "after the manifest, before ML Metadata",
        "before-publish",
        (*_starts(DOCUMENTS, 1, 2, 3), *_starts(None, 1, 2, 5), *_starts(INSTANCES, 3, 5)),
    ),
    KillPoint(
        "K6",
        "inside ML Metadata's transaction",
        "before-publish",
        (*_starts(DOCUMENTS, 1, 3), *_starts(None, 1), Start(INSTANCES, 2, STEPS)),
        signal="STOP",
    ),
    KillPoint("K7", "saving a checkpoint", "save-checkpoint", _saves(2, 1, 3), may_lose=UNSAVED),
    KillPoint(
        "K8",
        "between the step and its checkpoint",
        "train-steps",
        _calls(3, 1, 2, 4),
        may_lose=UNSAVED,
    ),
    KillPoint(
        "K9", "between training and export", "before-export", _starts(INSTANCES, 1, steps=STEPS)
    ),
    KillPoint(
        "K10", "between two files of the export", "export-files", _starts(INSTANCES, 1, steps=STEPS)
    ),
    KillPoint(
        "K10b",
        "between two files of a published version",
        "copy-published",
        _starts(INSTANCES, 3, 1, 5, 7, steps=STEPS),
    ),
    KillPoint(
        "K11",
        "the launcher's folder is gone, nothing is published",
        "before-publish",
        _starts(INSTANCES, 2, steps=STEPS),
    ),
    KillPoint(
        "K12",
        "SIGTERM in training",
        "train-steps",
        _calls(2, 1, 3),
        signal="TERM",
        code=TERMINATED,
    ),
    KillPoint(
        "K13",
        "a Beam worker is killed",
        "beam-work",
        _starts(None, 1),
        code=FAILED,
        words=("--to-node", "InstanceGen", "--set", "beam.workers=2"),
    ),
)


def all_runs(runs: int) -> Iterator[tuple[KillPoint, int]]:
    """Yield each kill point with run numbers from 0; the number selects the start."""
    for point in KILL_POINTS:
        for number in range(runs):
            yield point, number
