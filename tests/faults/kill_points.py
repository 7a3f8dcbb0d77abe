"""List the kill points: where a run is killed, what it leaves, and the steps that it loses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import remains
from tests.faults.conftest import DOCUMENTS, INSTANCES

STEPS, SAVE_EVERY = 6, 2  # of tests/pipelines/tiny.yaml
KILLED, TERMINATED, FAILED = -9, 143, 1


@dataclass(frozen=True)
class Start:
    """The stage that a run starts from, and the pass of its failpoint that kills it."""

    stage: str | None  # from conftest; None: an empty workdir
    passage: int
    steps: int | None = None  # trained by then; None: training has not begun
    lost: int | None = None  # of these, trained again; None: the next run does not resume training


@dataclass(frozen=True)
class KillPoint:
    """A kill point; short test runs use only its first start."""

    name: str
    description: str
    failpoint: str
    starts: tuple[Start, ...]
    leaves: Callable[[Path, int | None], bool]  # given the workdir and the steps trained by then
    signal: str = "KILL"
    code: int = KILLED
    words: tuple[str, ...] = field(default=())  # further arguments
    says: str = ""  # in the output of the killed run


def _starts(stage: str | None, *passages: int) -> tuple[Start, ...]:
    """Make starts before training."""
    return tuple(Start(stage, passage) for passage in passages)


def _trained(passage: int) -> Start:
    """Make a start at which every step is trained and saved, and the model is not recorded."""
    return Start(INSTANCES, passage, STEPS, lost=0)


def _finished(*passages: int) -> tuple[Start, ...]:
    """Make starts after training, whose model is recorded and reused."""
    return tuple(Start(INSTANCES, passage, STEPS) for passage in passages)


def _saves(*passages: int) -> tuple[Start, ...]:
    """Make starts at passes that happen once per SAVE_EVERY steps, before the checkpoint counts."""
    return tuple(
        Start(INSTANCES, passage, passage * SAVE_EVERY, lost=SAVE_EVERY) for passage in passages
    )


def _calls(*passages: int, lost: int | None = None) -> tuple[Start, ...]:
    """Make starts at calls of the training step: one step first, then up to the next checkpoint.

    Lost are the steps since the last checkpoint, unless the number is given.
    """
    done = [1, *range(SAVE_EVERY, STEPS + 1, SAVE_EVERY)]
    return tuple(
        Start(INSTANCES, passage, steps, (steps - 1) % SAVE_EVERY + 1 if lost is None else lost)
        for passage, steps in ((passage, done[passage - 1]) for passage in passages)
    )


KILL_POINTS = (
    KillPoint("K1", "reading text", "read-text", _starts(None, 2, 1, 3), remains.is_unwritten),
    KillPoint(
        "K2",
        "writing a TFRecord shard",
        "write-shard",
        (*_starts(DOCUMENTS, 1, 2), *_starts(None, 1, 2)),
        remains.is_partly_written,
    ),
    KillPoint(
        "K3",
        "after data, before the rename",
        "before-rename",
        (
            *_starts(DOCUMENTS, 7, 1, 2, 4, 9),
            *_starts(None, 1, 3),
            *_starts(INSTANCES, 1),
            _trained(10),
        ),
        remains.is_partly_written,
    ),
    KillPoint(
        "K4",
        "after the rename, before the manifest",
        "before-manifest",
        (_trained(1), *_starts(DOCUMENTS, 1), *_starts(None, 1, 2)),
        remains.lacks_a_manifest,
    ),
    KillPoint(
        "K5",
        "after the manifest, before ML Metadata",
        "before-publish",
        (*_starts(DOCUMENTS, 1, 2, 3), *_starts(None, 1, 2, 5), *_finished(3, 5)),
        remains.is_unrecorded,
    ),
    KillPoint(
        "K6",
        "inside ML Metadata's transaction",
        "before-publish",
        (_trained(2), *_starts(DOCUMENTS, 1, 3), *_starts(None, 1)),
        remains.has_a_journal,
        signal="STOP",
    ),
    KillPoint(
        "K7", "saving a checkpoint", "save-checkpoint", _saves(2, 1, 3), remains.lacks_a_seal
    ),
    KillPoint(
        "K8",
        "between the step and its checkpoint",
        "train-steps",
        _calls(3, 1, 2, 4),
        remains.is_unsaved,
    ),
    KillPoint(
        "K9", "between training and export", "before-export", (_trained(1),), remains.is_saved
    ),
    KillPoint(
        "K10",
        "between two files of the export",
        "export-files",
        (_trained(1),),
        remains.is_half_exported,
    ),
    KillPoint(
        "K10b",
        "between two files of a published version",
        "copy-published",
        _finished(3, 1, 5, 7),
        remains.is_half_published,
    ),
    KillPoint(
        "K11",
        "the launcher's folder is gone, nothing is published",
        "before-publish",
        (_trained(2),),
        remains.is_unrecorded,
    ),
    KillPoint(
        "K12",
        "SIGTERM in training",
        "train-steps",
        _calls(1, 2, 3, lost=0),  # the first one between two checkpoints
        remains.is_saved,
        signal="TERM",
        code=TERMINATED,
    ),
    KillPoint(
        "K13",
        "a worker is killed",
        "beam-work",
        _starts(None, 1),
        remains.is_unfinished,
        code=FAILED,
        says="A worker process died",
        words=("--to-node", "InstanceGen", "--set", "beam.workers=2"),
    ),
)


def all_runs(runs: int) -> Iterator[tuple[KillPoint, int]]:
    """Yield each kill point with run numbers from 0; the number selects the start."""
    for point in KILL_POINTS:
        for number in range(runs):
            yield point, number
