"""Show the progress of training on a terminal, in one line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.progress import format_clock

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

TITLE = "Training"
MIN_BAR = 10  # characters of the progress bar


def start_bar(first_step: int, steps: int) -> "RichProgress":
    """Show a progress bar on standard error."""
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn(TITLE),
        progress.BarColumn(bar_width=None),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
        expand=True,
    )
    bar.start()
    bar.add_task(TITLE, total=steps, completed=first_step, text="compiling the first step")
    return bar


def room_beside_bar(bar: "RichProgress", steps: int) -> int:
    """Return how many characters fit beside the bar and the number of steps."""
    return bar.console.width - len(TITLE) - 2 * len(str(steps)) - MIN_BAR - 5


def describe_interval(
    scalars: Mapping[str, float], seconds_left: float, width: int | None = None
) -> str:
    """Describe an interval of training in at most `width` characters; None: without a limit.

    Where there is no room for all parts, the less important ones are left out.
    """
    speed = f"{scalars['tokens_per_second']:,.0f} tokens/s"
    parts = {
        "loss": f"loss {scalars['loss']:.4f}",
        "rate": f"learning rate {scalars['learning_rate']:.2e}",
        "speed": f"{speed} ({scalars['filled_share']:.0%} real)",
        "share": f"{scalars.get('share_of_peak', 0.0):.0%} of peak",
        "left": f"{format_clock(seconds_left)} left",
    }
    if "share_of_peak" not in scalars:
        del parts["share"]
    for less_important in ("rate", "share", None, "speed", "loss"):
        text = ", ".join(parts.values())
        if width is None or len(text) <= width:
            break
        if less_important is None:
            parts["speed"] = speed
        else:
            parts.pop(less_important, None)
    return ", ".join(parts.values())
