"""One thing that was looked at, and what came of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipelines.cloud.errors import VertexError

if TYPE_CHECKING:
    from pipelines.cloud.client import Cloud
    from pipelines.vertex.runs.template import Template

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Check:
    """What was looked at, how it is, and what to do if it is not well."""

    name: str  # as "bucket"
    state: State
    told: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is looked at in the cloud."""

    cloud: "Cloud"
    template: "Template"
    root: str  # gs:// of the artifacts
    text_root: str | None  # gs:// of the text, if it is known
    text_pattern: str  # under text_root
    span: str | None  # None is the newest
    values: Mapping[str, int | float | str]  # given for the spec's parameters
    service_account: str | None  # None: Compute Engine's default


Checker = Callable[[Subject], Iterable[Check]]


def look(name: str, checker: Checker, subject: Subject, *, otherwise: State) -> Iterator[Check]:
    """Runs a checker; where Google Cloud does not answer it, that is a check of its own.

    Args:
        name: of the check, if there is no answer.
        checker: asks Google Cloud.
        subject: what it is asked about.
        otherwise: the state if it refuses to tell: "warning" where a run may go well all the
            same, "failed" where it cannot.
    """
    try:
        yield from checker(subject)
    except VertexError as error:
        yield Check(name, otherwise, str(error))
