"""Check that the engine of the data components can be reached."""

import socket

from core.errors import InputError
from pipelines.recipe.settings import BeamSettings

CONNECT_SECONDS = 10.0


def check_engine(settings: BeamSettings) -> None:
    """Connect to the server of the engine.

    Raises:
        InputError: nothing listens there.
    """
    if problem := explain_engine(settings):
        raise InputError(problem)


def explain_engine(settings: BeamSettings) -> str | None:
    """Return why the server of the engine cannot be reached, or None."""
    if settings.endpoint is None:
        return None
    host, _, port = settings.endpoint.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        server = "the Dask scheduler" if settings.engine == "dask" else "the job server"
        return (
            f"beam.endpoint {settings.endpoint}: cannot connect to {server} "
            f"({error.strerror or error}). Start it, or change beam.endpoint; or remove it and set "
            f"beam.engine=local, which gives the same results."
        )
    return None
