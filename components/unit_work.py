"""Do the work of some units, in any process, and write their results to a file."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from core import storage
from core.errors import InputError
from core.failpoints import failpoint

Unit = dict[str, Any]
Result = dict[str, Any]
# Applies a function to every unit; takes the function, the units and a scratch folder.
MapUnits = Callable[[Callable[[Unit], Result], Sequence[Unit], str], list[Result]]


class UnitWork:
    """Call the work for some units, and write their results or input errors to a file."""

    def __init__(self, work: Callable[[Unit], Result], scratch: str) -> None:
        """Take the work, and the folder of the file."""
        self._work = work
        self._scratch = scratch
        self.module: str = getattr(work, "func", work).__module__  # of a partial, too

    def __call__(self, element: tuple[int, str]) -> list[Result]:
        """Process the units of a file: its number, and the units as JSON."""
        number, units = element
        results = [self._try(unit) for unit in json.loads(units)]
        failpoint("beam-work")
        storage.write_bytes(result_path(self._scratch, number), json.dumps(results).encode())
        return []  # Beam needs an iterable; the results are in the file

    def _try(self, unit: Unit) -> Result:
        try:
            return self._work(unit)
        except InputError as error:
            return {"input_error": str(error)}


def result_path(scratch: str, number: int) -> str:
    """Return the path of a file of results."""
    return storage.join(scratch, f"result-{number:05d}.json")
