"""Open a store with the library ml_metadata."""

from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb


def open_store(path: Path, *, create: bool = False) -> metadata_store.MetadataStore:
    """Open a SQLite file for reading and writing; create it if that is allowed."""
    modes = pb.SqliteMetadataSourceConfig
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = modes.READWRITE_OPENCREATE if create else modes.READWRITE
    return metadata_store.MetadataStore(config)
