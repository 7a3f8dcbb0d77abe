"""Import large libraries without garbage collections."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def loading_libraries() -> Iterator[None]:
    """Import what stays until the end of the process, in two thirds of the time.

    Modules are no garbage, but TFX's are a million objects, which the collector would visit again
    and again while they are made, in later collections, and for two seconds at the end.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
