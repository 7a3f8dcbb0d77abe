"""Read weights from safetensors, in one file or in shards. A pickle is never opened."""

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
INDEX = "model.safetensors.index.json"  # maps weights to shards
# Formats that are refused: a pickle can run any code.
OTHER_FORMATS = (
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "tf_model.h5",
    "flax_model.msgpack",
)
MAX_HEADER_BYTES = 100_000_000  # the limit of the format
_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64}
Values = dict[str, np.ndarray]


class WeightFilesError(InputError):
    """A folder whose weights are missing, damaged or in a refused format."""


def read_weights(folder: str) -> Values:
    """Return every tensor in a folder by its name; bfloat16 is converted to float32.

    Raises:
        WeightFilesError: a file is missing, damaged or does not hold what the index says.
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
    """Return the names of the tensors in a folder, reading only the header of each file.

    Raises:
        WeightFilesError: a file is missing or its header is damaged.
    """
    names: set[str] = set()
    for path in weight_paths(folder):
        with storage.open_input(path) as stream:
            size = int.from_bytes(stream.read(8), "little")
            header = stream.read(min(size, MAX_HEADER_BYTES))
        try:
            names |= json.loads(header).keys() - {"__metadata__"}
        except (ValueError, AttributeError, RecursionError) as error:
            raise WeightFilesError(
                f"{path}: not a whole safetensors file ({error}). Download it again."
            ) from error
    return names


def weights_digest(folder: str) -> str:
    """Return the sha256 of the file of weights, or of the names and digests of its shards.

    Raises:
        WeightFilesError: a file is missing.
    """
    paths = weight_paths(folder)
    if len(paths) == 1:
        return file_digest(paths[0])
    lines = [f"{path.rpartition('/')[2]} {file_digest(path)}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def weight_paths(folder: str) -> list[str]:
    """Return the path of the file, or those of the shards in the order of their names.

    Raises:
        WeightFilesError: the file or a shard is missing, or the weights are in a refused format.
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
    for name in OTHER_FORMATS:
        if storage.exists(storage.join(folder, name)):
            raise WeightFilesError(
                f"{folder}: has {name} and no {WEIGHTS}. Textmill reads only safetensors, because "
                f"a pickle can run code. If you trust its source, convert it with PyTorch: "
                f"{_conversion(folder)}"
            )
    raise WeightFilesError(
        f"{whole}: no such file. Set model.start_from to a folder that `transformers` wrote with "
        f"save_pretrained, or to a model that Textmill published."
    )


def _conversion(folder: str) -> str:
    """Return a command that writes a folder with safetensors and the tokenizer."""
    classes = "AutoModelForPreTraining", "AutoTokenizer"
    work = "; ".join(f'{c}.from_pretrained("{folder}").save_pretrained("NEW")' for c in classes)
    return f"python -c 'from transformers import {', '.join(classes)}; {work}'"


def _indexed(folder: str) -> dict[str, str]:
    """Return which shard holds each weight; empty if there is only one file."""
    path = storage.join(folder, INDEX)
    if storage.exists(storage.join(folder, WEIGHTS)) or not storage.exists(path):
        return {}
    index = parse_object(storage.read_bytes(path), path, WeightFilesError).get("weight_map")
    if not isinstance(index, dict):
        raise WeightFilesError(f"{path}: not an index of shards. Download the folder again.")
    for name in index.values():
        if not isinstance(name, str) or "/" in name or not name.endswith(".safetensors"):
            raise WeightFilesError(
                f"{path}: {name!r} is not the name of a shard. Download the folder again."
            )
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
        raise WeightFilesError(
            f"{path}: {name} has the unsupported type {kind}. Convert it to float32."
        )
    flat: np.ndarray = np.frombuffer(data, _TYPES[kind])
    return flat.reshape(shape)
