"""Rewrite the graph of a SavedModel so that equal models have equal bytes.

TensorFlow numbers functions with a counter per process, and lists them in no particular order.
Without this, a resumed run or one that shares its process with other work would publish different
bytes for the same model.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf.message import Message
from tensorflow.core.protobuf import saved_model_pb2

from core import storage

GRAPH = "saved_model.pb"
# TensorFlow's hash of the original graph; since TF 2.17 it includes a random number. Loading does
# not need it, and the manifest has a digest of every file.
FINGERPRINT = "fingerprint.pb"
CONFIG = "config_proto"  # attribute of function calls
_FUNCTION = re.compile(r"(.*_)(\d+)", re.DOTALL)
_CAPTURE = re.compile(r"\d+")  # the name of a captured tensor

Names = dict[str, str]


def stabilize_graph(folder: str) -> None:
    """Rewrite the graph of a SavedModel so that its bytes depend only on what it computes.

    Args:
        folder: written by `tf.saved_model.save`.
    """
    path = storage.join(folder, GRAPH)
    model = saved_model_pb2.SavedModel.FromString(storage.read_bytes(path))
    for graph in model.meta_graphs:
        _stabilize(graph)
    storage.write_bytes(path, model.SerializeToString(deterministic=True))
    storage.remove(storage.join(folder, FINGERPRINT))


def _stabilize(graph: Any) -> None:
    """Number functions from 0, in the order of their creation."""
    library = graph.graph_def.library
    names = _renumber(f.signature.name for f in library.function)
    _rename(graph, lambda name: names.get(name, name))
    order = {name: number for number, name in enumerate(names.values())}
    library.function.sort(key=lambda f: order[f.signature.name])
    for node in _nodes(graph):
        # The devices and threads of this process; a process that loads the model uses its own.
        if CONFIG in node.attr:
            node.attr[CONFIG].s = b""
    for function in library.function:
        for number, argument in function.arg_attr.items():
            name = argument.attr.get("_user_specified_name")
            if name is not None and _CAPTURE.fullmatch(name.s.decode()):
                name.s = str(number).encode()


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.graph_def.node
    for function in graph.graph_def.library.function:
        yield from function.node_def


def _renumber(names: Iterable[str]) -> Names:
    """Map old names to new ones, in the order of their numbers."""
    parts = {name: match for name in names if (match := _FUNCTION.fullmatch(name))}
    ordered = sorted(parts, key=lambda name: (int(parts[name][2]), parts[name][1]))
    return {name: f"{parts[name][1]}{number}" for number, name in enumerate(ordered)}


def _rename(message: Message, rename: Callable[[str], str]) -> None:
    """Rename every string in a message and its submessages: fields, keys and attributes."""
    for field, value in message.ListFields():
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            _rename_map(value, entry.fields_by_name["value"].message_type is not None, rename)
        elif entry is not None:
            for part in value if _is_repeated(value) else [value]:
                _rename(part, rename)
        elif field.name == "s" and isinstance(value, bytes):  # a string in an AttrValue
            message.s = rename(value.decode("latin-1")).encode("latin-1")
        elif isinstance(value, str):
            setattr(message, field.name, rename(value))
        elif _is_repeated(value) and value and isinstance(value[0], str):
            value[:] = [rename(part) for part in value]


def _rename_map(values: Any, holds_messages: bool, rename: Callable[[str], str]) -> None:
    for key in list(values):
        if holds_messages:
            _rename(values[key], rename)
        elif isinstance(values[key], str):
            values[key] = rename(values[key])
        new = rename(key) if isinstance(key, str) else key
        if new != key:
            if holds_messages:
                values[new].CopyFrom(values[key])
            else:
                values[new] = values[key]
            del values[key]


def _is_repeated(value: Any) -> bool:
    return not isinstance(value, str | bytes) and hasattr(value, "__len__")
