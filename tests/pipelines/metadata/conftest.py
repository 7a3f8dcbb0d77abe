"""The emulated object store."""

from tests.object_store.conftest import running, store  # noqa: F401 - fixtures
