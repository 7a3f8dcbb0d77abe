"""List the objects under a folder of an object store, once per run."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from components.text_example_gen.reading.errors import CorpusError, escape_path
from core.gcs import object_store, requests

_listings: ContextVar[dict[str, list[object_store.StoredObject]] | None] = ContextVar(
    "listings", default=None
)


@contextlib.contextmanager
def list_once() -> Iterator[None]:
    """Within the block, list each folder of an object store once.

    Later calls get the objects of the first listing, so that the same versions of them are read.
    """
    token = _listings.set({})
    try:
        yield
    finally:
        _listings.reset(token)


def list_remote(folder: str) -> list[object_store.StoredObject]:
    """List the objects under a folder of an object store.

    Raises:
        CorpusError: there is no such bucket.
    """
    listings = _listings.get()
    if listings is not None and folder in listings:
        return listings[folder]
    try:
        listed = list(object_store.list_objects(folder))
    except requests.NotFoundError as error:
        raise CorpusError(
            f"{escape_path(folder)}: no such bucket. Check its name with `gcloud storage ls`."
        ) from error
    if listings is not None:
        listings[folder] = listed
    return listed
