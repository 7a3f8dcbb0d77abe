"""SIGTERM and SIGINT to a run that saves and ends, on all its workers at the same step."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from trainer.devices.workers import Workers

SIGNALS = (signal.SIGTERM, signal.SIGINT)
Stop = Callable[[], int]  # the signal that came to any worker, or 0


@contextmanager
def note_stop_signals(workers: Workers) -> Iterator[Stop]:
    """Notes the signals, which do nothing else meanwhile; a second one does what it always does.

    Args:
        workers: they agree, since one that stopped alone would leave the others waiting for it;
            each has to call what is given at the same steps.
    """
    seen: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)
        signal.signal(number, before[signal.Signals(number)])

    def stop() -> int:
        return max(workers.gather(seen[0] if seen else 0))

    try:
        for number in SIGNALS:
            signal.signal(number, note)
    except ValueError:  # Python takes signals in the main thread only.
        yield stop
        return
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
