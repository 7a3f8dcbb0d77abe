"""An emulator of Vertex AI's REST API on this machine, built from the API's own messages."""

from tests.vertex_server.resources import Call, Refusal
from tests.vertex_server.server import VertexServer

__all__ = ["Call", "Refusal", "VertexServer"]
