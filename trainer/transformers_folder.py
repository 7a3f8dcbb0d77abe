"""A model to a folder that `transformers` reads, and back: safetensors, never a pickle."""

import json
from typing import Any

import numpy as np
import safetensors.numpy

from trainer import storage
from trainer.architecture import Architecture
from trainer.errors import InputError
from trainer.models.layers import LAYER_NORM_EPSILON
from trainer.vocabulary import Vocabulary

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER_FILES = ("vocab.txt", "tokenizer.json", "tokenizer_config.json")
_ARCHITECTURES = {"bert": "BertForPreTraining"}


class TransformersFolderError(InputError):
    """A `transformers` folder that cannot be read as one of our models."""


def write_transformers_folder(
    folder: str,
    architecture: Architecture,
    values: dict[str, np.ndarray],
    vocabulary: Vocabulary,
) -> list[str]:
    """Writes `config.json`, `model.safetensors` and the tokenizer's files.

    Args:
        folder: to write in.
        architecture: the model's.
        values: the weights, by Hugging Face's names.
        vocabulary: its files are copied.

    Returns:
        The files' names.
    """
    config = json.dumps(_config(architecture), indent=2, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(folder, CONFIG), config.encode())
    # `transformers` asks for this mark before it reads a safetensors file.
    weights = safetensors.numpy.save(values, metadata={"format": "pt"})
    storage.write_bytes(storage.join(folder, WEIGHTS), weights)
    for name in TOKENIZER_FILES:
        content = storage.read_bytes(storage.join(vocabulary.folder, name))
        storage.write_bytes(storage.join(folder, name), content)
    return [CONFIG, WEIGHTS, *TOKENIZER_FILES]


def read_transformers_folder(folder: str) -> tuple[Architecture, dict[str, np.ndarray]]:
    """Reads the architecture and the weights.

    Raises:
        TransformersFolderError: a file is missing, or the model is of a type that is not known.
    """
    for name in (CONFIG, WEIGHTS):
        if not storage.exists(storage.join(folder, name)):
            raise TransformersFolderError(
                f"{folder}: no {name}. A model is a folder with {CONFIG} and {WEIGHTS}."
            )
    config = json.loads(storage.read_bytes(storage.join(folder, CONFIG)))
    if config.get("model_type") not in _ARCHITECTURES:
        raise TransformersFolderError(
            f"{folder}: model_type is {config.get('model_type')!r}; known are "
            f"{', '.join(_ARCHITECTURES)}."
        )
    values = safetensors.numpy.load(storage.read_bytes(storage.join(folder, WEIGHTS)))
    return _architecture(config), values


def _config(a: Architecture) -> dict[str, Any]:
    return {
        "architectures": [_ARCHITECTURES[a.type]],
        "model_type": a.type,
        "vocab_size": a.vocab_size,
        "pad_token_id": a.pad_id,
        "num_hidden_layers": a.num_layers,
        "hidden_size": a.hidden_size,
        "num_attention_heads": a.num_heads,
        "intermediate_size": a.intermediate_size,
        "hidden_act": "gelu",
        "max_position_embeddings": a.max_position,
        "type_vocab_size": a.type_vocab_size,
        "hidden_dropout_prob": a.hidden_dropout,
        "attention_probs_dropout_prob": a.attention_dropout,
        "initializer_range": a.initializer_range,
        "layer_norm_eps": LAYER_NORM_EPSILON,
        "tie_word_embeddings": True,
        "dtype": "float32",
    }


def _architecture(config: dict[str, Any]) -> Architecture:
    return Architecture(
        type=config["model_type"],
        vocab_size=config["vocab_size"],
        pad_id=config.get("pad_token_id", 0),
        num_layers=config["num_hidden_layers"],
        hidden_size=config["hidden_size"],
        num_heads=config["num_attention_heads"],
        intermediate_size=config["intermediate_size"],
        max_position=config["max_position_embeddings"],
        type_vocab_size=config["type_vocab_size"],
        hidden_dropout=config["hidden_dropout_prob"],
        attention_dropout=config["attention_probs_dropout_prob"],
        initializer_range=config["initializer_range"],
    )
