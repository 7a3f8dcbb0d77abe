"""Requests, refusals, JSON messages and paginated lists, shared by all emulated services."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf import json_format

from tests.vertex_server.filters import matches

Handler = Callable[..., Any]
T = TypeVar("T")

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}
DEFAULT_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Call:
    """A received request."""

    method: str
    path: str  # without the query, percent-decoded
    service: str = ""  # the first part of the host; "" if the endpoint does not name it
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case
    body: Any = None  # decoded JSON

    def one(self, *names: str) -> str:
        """Return a query parameter by any of its names (camelCase or snake_case), or ""."""
        return next((self.query[name][0] for name in names if name in self.query), "")


class Refusal(Exception):
    """An error response. Assumption: its words, and its code where the reference names none."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: str = "",
        details: Iterable[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.headers = dict(headers or {})
        self.content = {
            "error": {
                "code": code,
                "message": message,
                "status": status or STATUS_NAMES.get(code, "UNKNOWN"),
                "details": list(details),
            }
        }


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def parse(kind: type[T], content: Any) -> T:
    """Convert JSON to an API message; refuse unknown fields, like the service."""
    message = kind()
    try:
        json_format.ParseDict(content or {}, kind.pb(message))  # type: ignore[attr-defined]
    except json_format.ParseError as error:
        raise Refusal(400, f"Invalid JSON payload received. {error}") from error
    return message


def dump(message: Any, *, numbers: bool = False) -> dict[str, Any]:
    """Convert an API message to JSON, with enums as numbers if the client requests that."""
    return json_format.MessageToDict(type(message).pb(message), use_integers_for_enums=numbers)


def must_find(kept: Mapping[str, T], name: str) -> T:
    """Return a resource by name.

    Raises:
        Refusal: 404, with Vertex AI's message.
    """
    if name not in kept:
        raise Refusal(404, f"The requested resource {name!r} was not found.")
    return kept[name]


def must_match(pattern: str, text: str, what: str) -> None:
    """Refuse a text that does not match the pattern."""
    if not re.fullmatch(pattern, text):
        raise Refusal(400, f"Invalid {what} {text!r}; it must match {pattern}.")


def page(
    kept: Iterable[Any], call: Call, key: str, numbers: bool, kind: str | None = None
) -> dict[str, Any]:
    """Filter, order and paginate a list like the API's list methods.

    Args:
        kept: the resources.
        call: the request.
        key: of the list in the response.
        numbers: whether enums are written as numbers.
        kind: the collection, whose documented fields may be named; by default, that of `key`.
    """
    from tests.vertex_server.documented import FILTERS, ORDERS

    kind = kind or key
    rows = [dump(message) for message in kept]
    expression = call.one("filter")
    matches(expression, {}, FILTERS[kind])  # refuses a wrong filter of an empty list, too
    chosen = [n for n, row in enumerate(rows) if matches(expression, row, FILTERS[kind])]
    for order in reversed([part.split() for part in call.one("orderBy", "order_by").split(",")]):
        if order:
            if order[0] not in ORDERS[kind] or order[1:] not in ([], ["desc"], ["asc"]):
                raise Refusal(400, f"Invalid order_by: {' '.join(order)}.")
            name = re.sub(r"_(\w)", lambda match: match[1].upper(), order[0])
            chosen.sort(key=lambda n: str(rows[n].get(name, "")), reverse=order[-1] == "desc")
    start = int(call.one("pageToken", "page_token") or 0)
    size = int(call.one("pageSize", "page_size") or DEFAULT_PAGE)
    messages = list(kept)
    shown = [dump(messages[n], numbers=numbers) for n in chosen[start : start + size]]
    if mask := call.one("readMask", "read_mask"):
        shown = [{k: v for k, v in row.items() if k in mask.split(",")} for row in shown]
    following = {"nextPageToken": str(start + size)} if start + size < len(chosen) else {}
    return {key: shown, **following}


@dataclass
class Operations:
    """Long-running operations by name: how often they are still asked for, and their results."""

    operations: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    operation_polls: int = 1  # after which an operation is done


def start_operation(
    server: Any, name: str, result: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Start a long-running operation, for example a deletion, which ends after some polls."""
    operation = f"{name}/operations/{len(server.operations) + 1}"
    empty = {"@type": "type.googleapis.com/google.protobuf.Empty"}
    server.operations[operation] = (server.operation_polls, dict(result or empty))
    return {"name": operation, "done": False}


def get_operation(server: Any, call: Call, name: str) -> dict[str, Any]:
    """GET …/operations/ID."""
    polls, result = must_find(server.operations, name)
    if polls > 0:
        server.operations[name] = (polls - 1, result)
        return {"name": name, "done": False}
    return {"name": name, "done": True, "response": result}


ROUTES = (("GET", r"/(?:v1|ui)/(?P<name>projects/.+/operations/\d+)", get_operation),)
