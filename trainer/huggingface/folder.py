"""A model to folders that `transformers` reads, and back: safetensors, never a pickle."""

import json
from typing import Any

import numpy as np
import safetensors.numpy

from core import storage
from core.vocabulary.vocabulary import Vocabulary
from trainer.huggingface.config import CLASSES, CONFIG, TransformersFolderError, read_config
from trainer.huggingface.weights import WEIGHTS, read_weights, weight_paths
from trainer.models.architecture import Architecture, generator_architecture
from trainer.models.electra import GENERATOR
from trainer.models.layers import LAYER_NORM_EPSILON

TRANSFORMERS_FOLDER = "transformers"
GENERATOR_FOLDER = "transformers-generator"  # beside it, of an ELECTRA
EMBEDDINGS = "electra.embeddings."  # which both halves of an ELECTRA share
Values = dict[str, np.ndarray]


def write_transformers_folders(
    folder: str, architecture: Architecture, values: Values, vocabulary: Vocabulary
) -> None:
    """Writes `transformers/`, and of an ELECTRA also `transformers-generator/`.

    Args:
        folder: the model's.
        architecture: the model's.
        values: the weights, by our names.
        vocabulary: its files are copied.
    """
    main = {name: value for name, value in values.items() if not name.startswith(GENERATOR)}
    config = _config(architecture, _class_of(architecture))
    main = _with_classifier(architecture, main)
    _write(storage.join(folder, TRANSFORMERS_FOLDER), config, main, vocabulary)
    if architecture.type == "electra":
        generator = {n.removeprefix(GENERATOR): v for n, v in values.items() if n not in main}
        embeddings = {n: v for n, v in main.items() if n.startswith(EMBEDDINGS)}
        config = _config(generator_architecture(architecture), "ElectraForMaskedLM")
        target = storage.join(folder, GENERATOR_FOLDER)
        _write(target, config, {**embeddings, **generator}, vocabulary)


def read_model(folder: str) -> tuple[Architecture, Values]:
    """Reads what `write_transformers_folders` wrote: the architecture, and weights by our names."""
    architecture, values = read_transformers_folder(storage.join(folder, TRANSFORMERS_FOLDER))
    if architecture.type == "electra":
        _, generator = read_transformers_folder(storage.join(folder, GENERATOR_FOLDER))
        own = {n: v for n, v in generator.items() if not n.startswith(EMBEDDINGS)}
        values |= {f"{GENERATOR}{n}": v for n, v in own.items()}
    return architecture, values


def read_transformers_folder(folder: str) -> tuple[Architecture, Values]:
    """Reads the architecture and the weights of one folder, under their names in it.

    Raises:
        InputError: as `read_architecture`, or the weights are damaged.
    """
    architecture = read_architecture(folder)
    return architecture, read_weights(folder)


def read_architecture(folder: str) -> Architecture:
    """Reads `config.json`.

    Raises:
        InputError: a file is missing, or the model is none that we would compute as its own code
            does; the message names the field.
    """
    path = storage.join(folder, CONFIG)
    if not storage.exists(path):
        raise TransformersFolderError(
            f"{folder}: no {CONFIG}. A model is a folder with {CONFIG} and {WEIGHTS}."
        )
    weight_paths(folder)
    return read_config(path)


def _write(folder: str, config: dict[str, Any], values: Values, vocabulary: Vocabulary) -> None:
    content = json.dumps(config, indent=2, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(folder, CONFIG), content.encode())
    # `transformers` asks for this mark before it reads a safetensors file.
    weights = safetensors.numpy.save(values, metadata={"format": "pt"})
    storage.write_bytes(storage.join(folder, WEIGHTS), weights)
    for name in vocabulary.files:
        file = storage.read_bytes(storage.join(vocabulary.folder, name))
        storage.write_bytes(storage.join(folder, name), file)


def _config(a: Architecture, class_name: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architectures": [class_name],
        "model_type": a.type,
        "vocab_size": a.vocab_size,
        "pad_token_id": a.pad_id,
        "num_hidden_layers": a.num_layers,
        "hidden_size": a.hidden_size,
        "num_attention_heads": a.num_heads,
        "intermediate_size": a.intermediate_size,
        "hidden_act": a.activation,
        "max_position_embeddings": a.max_position,
        "type_vocab_size": a.type_vocab_size,
        "hidden_dropout_prob": a.hidden_dropout,
        "attention_probs_dropout_prob": a.attention_dropout,
        "initializer_range": a.initializer_range,
        "layer_norm_eps": LAYER_NORM_EPSILON,
        "tie_word_embeddings": True,
        "dtype": "float32",
    }
    if a.type != "bert":
        config["embedding_size"] = a.embedding_size
    if a.type == "albert":
        config |= {"num_hidden_groups": 1, "inner_group_num": 1}
    if a.type == "electra":
        config["generator_share"] = a.generator_share  # ours; `transformers` keeps and ignores it
    if a.sequence_classes != 2:
        config["id2label"] = {str(n): f"LABEL_{n}" for n in range(a.sequence_classes)}
        config["label2id"] = {label: int(n) for n, label in config["id2label"].items()}
        config["sequence_classes"] = a.sequence_classes  # ours
    return config


def _class_of(a: Architecture) -> str:
    """What `transformers` is to load; its BertForPreTraining has no more than two classes."""
    is_wide = a.type == "bert" and a.sequence_classes != 2
    return "BertForMaskedLM" if is_wide else CLASSES[a.type]


def _with_classifier(architecture: Architecture, values: Values) -> Values:
    """The head of other than two classes also under the name of `…ForSequenceClassification`.

    It computes the same: a linear layer on the pooled [CLS]. `BertForPreTraining` has two classes
    only.
    """
    head = {"bert": "cls.seq_relationship.", "albert": "sop_classifier.classifier."}
    if architecture.sequence_classes == 2:
        return values
    prefix = head[architecture.type]
    copies = {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
    return {**values, **{f"classifier.{name}": value for name, value in copies.items()}}
