"""Print each node when it starts, and measure how long it takes."""

import time

from rich.console import Console
from rich.markup import escape


class NodeTimer:
    """Print each node when it starts, and measure how long it takes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    def say(self, message: str) -> None:
        """Print a short progress message."""
        self._console.print(f"[dim]{escape(message)}[/]")

    def start(self, node_id: str) -> None:
        """Record that a node starts."""
        self._started[node_id] = time.monotonic()
        self.say(f"{len(self._started):>2} {node_id}")

    def finish(self, node_id: str) -> None:
        """Record that a node ended without an error."""
        self._seconds[node_id] = time.monotonic() - self._started[node_id]

    def seconds(self) -> dict[str, float]:
        """Return the wall time of each started node, in order, also if it did not finish."""
        now = time.monotonic()
        return {n: self._seconds.get(n, now - started) for n, started in self._started.items()}
