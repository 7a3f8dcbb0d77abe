"""Send this process a signal at a named point. For tests (tests/faults) only.

Nothing happens unless a test sets the variable, which names a point and the pass that counts:

    TEXTMILL_FAILPOINT=write-shard:3       SIGKILL when the point is passed for the third time
    TEXTMILL_FAILPOINT=train-steps:2:TERM  SIGTERM instead; INT and STOP work too
    TEXTMILL_FAILPOINT_FLAG=path           a file that is created before the signal is sent; no
                                           signal is sent while it exists

Passes are counted per process. A point that is not armed costs one comparison.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

VARIABLE, FLAG_VARIABLE = "TEXTMILL_FAILPOINT", "TEXTMILL_FAILPOINT_FLAG"
POINTS = {
    "read-text": "between two chunks of a text file",
    "write-shard": "some of the records are in the temporary file",
    "before-rename": "a file is written and synced under its temporary name",
    "before-manifest": "all files of a folder exist except its manifest",
    "before-publish": "an executor finished and TFX's working folder is gone; ML Metadata is not "
    "updated",
    "save-checkpoint": "the weights of a checkpoint are written, its seal is not",
    "train-steps": "steps were made and not saved",
    "before-export": "training finished and its last checkpoint is saved",
    "export-files": "the SavedModel is written, the folder for transformers is not",
    "upload-object": "a whole file is about to be uploaded to an object store",
    "copy-published": "some files of a version are copied",
    "beam-work": "a unit of work is done and its result is not recorded; in a worker, if any",
}
SIGNALS = {"KILL", "TERM", "INT", "STOP"}


@dataclass
class _Armed:
    """The armed point and the passes left until the signal."""

    name: str
    passes_left: int
    signal: signal.Signals
    flag: str | None


_armed: _Armed | None = None


def failpoint(name: str) -> None:
    """Send this process the armed signal if this is the armed pass of the named point."""
    if _armed is None or _armed.name != name:
        return
    _armed.passes_left -= 1
    if _armed.passes_left == 0 and _create_flag(_armed.flag):
        os.kill(os.getpid(), _armed.signal)


def arm(order: str | None, flag: str | None = None) -> None:
    """Arm a point, or disarm all points if the order is None.

    Args:
        order: `point:pass` or `point:pass:signal`, as in the environment variable.
        flag: path of the flag file.

    Raises:
        ValueError: the point, the pass or the signal is unknown.
    """
    global _armed  # noqa: PLW0603 - one order per process, from its environment
    if not order:
        _armed = None
        return
    name, _, rest = order.partition(":")
    count, _, signal_name = rest.partition(":")
    signal_name = signal_name or "KILL"
    if name not in POINTS or not count.isdecimal() or signal_name not in SIGNALS:
        raise ValueError(
            f"{VARIABLE}={order}: not point:number or point:number:signal. The variable is for "
            f"Textmill's own tests; unset it. Points: {', '.join(POINTS)}."
        )
    _armed = _Armed(name, int(count), signal.Signals[f"SIG{signal_name}"], flag)


def arm_by_environment() -> None:
    """Arm the point that the environment names, if any."""
    arm(os.environ.get(VARIABLE), os.environ.get(FLAG_VARIABLE) or None)


def _create_flag(path: str | None) -> bool:
    """Create the flag file; return False if it already exists."""
    if path is None:
        return True
    try:
        Path(path).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


arm_by_environment()
