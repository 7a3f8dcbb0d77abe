"""A folder's safetensors, in one file or in shards, to weights; a pickle is never opened."""

import hashlib
import json
from typing import Any

import numpy as np
import safetensors

from core import storage
from core.errors import InputError
from core.json_object import parse_object
from core.manifest import file_digest

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # which shard holds which weight
# Weights in forms that are not read: a pickle runs whatever code its author put in it.
OTHER_FORMS = (
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "tf_model.h5",
    "flax_model.msgpack",
)
LONGEST_HEAD = 100_000_000  # bytes; the format's own limit
_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64}
Values = dict[str, np.ndarray]


class WeightFilesError(InputError):
    """A folder whose weights are missing, damaged or in a form that is not read."""


def read_weights(folder: str) -> Values:
    """Every tensor in a folder, by its name there; of bfloat16, its float32.

    Raises:
        WeightFilesError: as `weight_paths`; or a file is damaged, or not what the index says.
    """
    values: Values = {}
    for path in weight_paths(folder):
        values |= _parse(storage.read_bytes(path), path)
    missing = sorted(_indexed(folder).keys() - values.keys())
    if missing:
        raise WeightFilesError(
            f"{storage.join(folder, INDEX)}: names {missing[0]}, which no shard holds "
            f"({len(missing)} weights are missing). Download the folder again."
        )
    return values


def weight_names(folder: str) -> set[str]:
    """The names of the tensors in a folder; of each file only the head is read.

    Raises:
        WeightFilesError: as `weight_paths`; or a file has no whole head.
    """
    names: set[str] = set()
    for path in weight_paths(folder):
        with storage.open_input(path) as stream:
            size = int.from_bytes(stream.read(8), "little")
            head = stream.read(min(size, LONGEST_HEAD))
        try:
            names |= json.loads(head).keys() - {"__metadata__"}
        except (ValueError, AttributeError, RecursionError) as error:
            raise WeightFilesError(
                f"{path}: not a whole safetensors file ({error}). Download it again."
            ) from error
    return names


def weights_digest(folder: str) -> str:
    """sha256 of the weights' file; of shards, of their names and digests.

    Raises:
        WeightFilesError: as `weight_paths`.
    """
    paths = weight_paths(folder)
    if len(paths) == 1:
        return file_digest(paths[0])
    lines = [f"{path.rpartition('/')[2]} {file_digest(path)}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def weight_paths(folder: str) -> list[str]:
    """The file, or the shards in the order of their names.

    Raises:
        WeightFilesError: there is none, or a shard that the index names is missing.
    """
    whole = storage.join(folder, WEIGHTS)
    if storage.exists(whole):
        return [whole]
    shards = [storage.join(folder, name) for name in sorted(set(_indexed(folder).values()))]
    for path in shards:
        if not storage.exists(path):
            raise WeightFilesError(
                f"{path}: no such file, though {INDEX} names it. Download the folder again."
            )
    if shards:
        return shards
    for name in OTHER_FORMS:
        if storage.exists(storage.join(folder, name)):
            raise WeightFilesError(
                f"{folder}: has {name} and no {WEIGHTS}. Only safetensors are read: a pickle can "
                f"run code. Convert it, where you trust its source, with PyTorch: "
                f"{_conversion(folder)}"
            )
    raise WeightFilesError(
        f"{whole}: no such file. Set model.start_from to a folder that `transformers` wrote with "
        f"save_pretrained, or to a model that Textmill published."
    )


def _conversion(folder: str) -> str:
    """A command that writes a folder with safetensors and the tokenizer beside it."""
    classes = "AutoModelForPreTraining", "AutoTokenizer"
    work = "; ".join(f'{c}.from_pretrained("{folder}").save_pretrained("NEW")' for c in classes)
    return f"python -c 'from transformers import {', '.join(classes)}; {work}'"


def _indexed(folder: str) -> dict[str, str]:
    """Weight to shard; empty where all is in one file."""
    path = storage.join(folder, INDEX)
    if storage.exists(storage.join(folder, WEIGHTS)) or not storage.exists(path):
        return {}
    index = parse_object(storage.read_bytes(path), path, WeightFilesError).get("weight_map")
    if not isinstance(index, dict):
        raise WeightFilesError(f"{path}: not an index of shards. Download it again.")
    for name in index.values():
        if not isinstance(name, str) or "/" in name or not name.endswith(".safetensors"):
            raise WeightFilesError(f"{path}: {name!r} is no name of a shard. Download it again.")
    return index


def _parse(content: bytes, path: str) -> Values:
    try:
        views = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise WeightFilesError(
            f"{path}: not a whole safetensors file ({error}). Download it again."
        ) from error
    return {name: _array(name, view, path) for name, view in views}


def _array(name: str, view: dict[str, Any], path: str) -> np.ndarray:
    kind, data, shape = view["dtype"], view["data"], view["shape"]
    if kind == "BF16":  # the upper half of a float32
        halves = np.frombuffer(data, np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(shape)
    if kind not in _TYPES:
        raise WeightFilesError(f"{path}: {name} is of type {kind}, which is no type of weights.")
    flat: np.ndarray = np.frombuffer(data, _TYPES[kind])
    return flat.reshape(shape)
