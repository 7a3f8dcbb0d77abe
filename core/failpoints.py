"""Named places where a test has this process killed; without the test's variable, nothing happens.

For tests only (tests/faults). The variable names a point and which passage of it counts:

    TEXTMILL_FAILPOINT=write-shard:3       SIGKILL as the point is passed for the third time
    TEXTMILL_FAILPOINT=train-steps:2:TERM  SIGTERM instead; INT and STOP are known, too
    TEXTMILL_FAILPOINT_FLAG=path           a file made just before; no point fires while it is there

Counts are those of one process. A point that is not armed costs one comparison.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

VARIABLE, FLAG_VARIABLE = "TEXTMILL_FAILPOINT", "TEXTMILL_FAILPOINT_FLAG"
POINTS = {
    "read-text": "between two pieces of a text file",
    "write-shard": "records are in the temporary file, not all",
    "before-rename": "a file is written and synced under its temporary name",
    "before-manifest": "all files of a folder are there but its manifest",
    "before-publish": "an executor ended, TFX's working folder is gone, ML Metadata knows nothing",
    "save-checkpoint": "a checkpoint's weights are written, its seal is not",
    "train-steps": "steps were made and not saved",
    "before-export": "training ended and its last checkpoint is saved",
    "export-files": "the SavedModel is written, the folder for transformers is not",
    "copy-published": "some files of a version are copied",
    "beam-work": "a unit is done and its result is not noted; in a Beam worker, if there are any",
}
SIGNALS = {"KILL", "TERM", "INT", "STOP"}


@dataclass
class _Armed:
    """What was ordered."""

    name: str
    passages_left: int
    signal: signal.Signals
    flag: str | None


_armed: _Armed | None = None


def failpoint(name: str) -> None:
    """Sends this process the signal that was ordered, if this is the passage that was named."""
    if _armed is None or _armed.name != name:
        return
    _armed.passages_left -= 1
    if _armed.passages_left == 0 and _raise_flag(_armed.flag):
        os.kill(os.getpid(), _armed.signal)


def arm(order: str | None, flag: str | None = None) -> None:
    """Takes an order, or takes it back if it is None.

    Raises:
        ValueError: it names no point, no number or no signal that is known.
    """
    global _armed  # noqa: PLW0603 - a process has one order, from its environment
    if not order:
        _armed = None
        return
    name, _, rest = order.partition(":")
    count, _, signal_name = rest.partition(":")
    signal_name = signal_name or "KILL"
    if name not in POINTS or not count.isdecimal() or signal_name not in SIGNALS:
        raise ValueError(
            f"{VARIABLE}={order}: not point:number or point:number:signal. It is for Textmill's "
            f"own tests; unset it. Points: {', '.join(POINTS)}."
        )
    _armed = _Armed(name, int(count), signal.Signals[f"SIG{signal_name}"], flag)


def _raise_flag(path: str | None) -> bool:
    """Makes the flag; False if it is there already."""
    if path is None:
        return True
    try:
        Path(path).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


arm(os.environ.get(VARIABLE), os.environ.get(FLAG_VARIABLE) or None)
