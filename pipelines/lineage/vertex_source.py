"""Parse the address of a store of Vertex ML Metadata."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from core.errors import InputError

SCHEME = "vertex"
STORE = "default"  # exists in every project and region
MAX_RUNS = 100  # the newest, unless the source says otherwise


@dataclass(frozen=True)
class Source:
    """The address of a store: vertex://project/region/store?pipeline=demo&runs=100."""

    project: str
    region: str
    store: str = STORE
    pipeline: str | None = None  # read only runs of this one
    runs: int = MAX_RUNS


def parse_source(text: str) -> Source:
    """Parse the address of a store.

    Raises:
        InputError: the text is not such an address.
    """
    parts = urlsplit(text)
    path = [part for part in parts.path.split("/") if part]
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    runs = query.pop("runs", str(MAX_RUNS))
    pipeline = query.pop("pipeline", None)
    is_complete = parts.netloc and 1 <= len(path) <= 2
    if parts.scheme != SCHEME or not is_complete or query or not (runs.isdigit() and int(runs)):
        raise InputError(
            f"--source {text}: write vertex://PROJECT/REGION, or "
            f"vertex://PROJECT/REGION/STORE?pipeline=NAME&runs={MAX_RUNS}."
        )
    store = path[1] if len(path) > 1 else STORE
    return Source(parts.netloc, path[0], store, pipeline, int(runs))
