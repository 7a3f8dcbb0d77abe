"""Let a run finish its step and save when SIGTERM or SIGINT arrives, on all workers together."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from core.exit import STOP_SIGNALS, handle_signals
from trainer.devices.workers import Workers

Stop = Callable[[], int]  # returns the signal that reached any worker, or 0


@contextmanager
def note_stop_signals(workers: Workers) -> Iterator[Stop]:
    """Record stop signals instead of acting on them; a second one has its usual effect.

    Args:
        workers: the processes that train together. All have to call the yielded function at the
            same steps, because a worker that stopped alone would leave the others waiting.

    Yields:
        A function that returns the first signal that reached any worker, or 0.
    """
    received: list[int] = []
    earlier = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, earlier[signal.Signals(number)])

    def stop() -> int:
        return max(workers.gather(received[0] if received else 0))

    with handle_signals(note, STOP_SIGNALS):
        yield stop
