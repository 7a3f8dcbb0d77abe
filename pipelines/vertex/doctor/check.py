"""The result of one check, and what the checks on Google Cloud are given."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipelines.cloud.errors import VertexError

if TYPE_CHECKING:
    from pipelines.cloud.client import Cloud
    from pipelines.vertex.runs.spec_text import SpecText
    from pipelines.vertex.runs.template import Template

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Check:
    """The result of one check, with a remedy if there is a problem."""

    name: str  # for example "bucket"
    state: State
    message: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the check as `textmill doctor --json` prints it."""
        return {"name": self.name, "state": self.state, "told": self.message, "remedy": self.remedy}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The submission that is checked; it may be incomplete."""

    cloud: "Cloud"
    can_ask: bool  # False: project, region or credentials are missing, and nothing is sent
    template: "Template"
    root: str | None  # gs:// folder below which the run writes; None if it is not given
    text: "SpecText | None"  # None if it is not given
    values: Mapping[str, int | float | str]  # given for the spec's parameters
    service_account: str | None  # None is Compute Engine's default account


Checker = Callable[[Subject], Iterable[Check]]


def run_checker(
    name: str, checker: Checker, subject: Subject, *, state_on_error: State
) -> Iterator[Check]:
    """Run a checker; if Google Cloud refuses its request, that becomes the result.

    Its state is then "failed" if a run cannot succeed without an answer, "warning" if it may.
    """
    try:
        yield from checker(subject)
    except VertexError as error:
        yield Check(name, state_on_error, str(error))
