"""Handle stop signals during a block of work."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from core.errors import StoppedError

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def handle_signals(
    handler: Callable[[int, FrameType | None], None], numbers: Sequence[signal.Signals]
) -> Iterator[None]:
    """Call a handler for signals that arrive during the block, then restore the earlier handlers.

    Does nothing outside the main thread, because Python delivers signals only there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            signal.signal(number, handler)
        yield
    finally:
        for number, previous in earlier.items():
            signal.signal(number, previous)


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise StoppedError on SIGTERM during the block, so that started work is stopped cleanly.

    Python itself raises only on SIGINT (Ctrl-C), and dies on SIGTERM without cleaning up.
    """

    def stop(number: int, _: FrameType | None) -> None:
        raise StoppedError(128 + number)

    with handle_signals(stop, [signal.SIGTERM]):
        yield
