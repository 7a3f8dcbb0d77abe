"""A server on this machine that speaks Vertex AI's REST, from the API's own messages."""

from tests.vertex_server.resources import Call, Refusal
from tests.vertex_server.server import VertexServer

__all__ = ["Call", "Refusal", "VertexServer"]
