"""A stranger's `config.json` to an architecture that we compute as its own code does."""

from collections.abc import Callable
from typing import Any

from core import storage
from core.errors import InputError
from core.json_object import parse_object
from trainer.models.architecture import Architecture
from trainer.models.layers import LAYER_NORM_EPSILON

CONFIG = "config.json"
Rule = Callable[[object], bool]
CLASSES = {  # model_type: what `transformers` loads its pre-training with
    "bert": "BertForPreTraining",
    "albert": "AlbertForPreTraining",
    "electra": "ElectraForPreTraining",
}


class TransformersFolderError(InputError):
    """A folder that is not one of a model which is known here."""


def read_config(path: str) -> Architecture:
    """Reads and checks the file.

    Raises:
        TransformersFolderError: it is no configuration of a model that we would compute as its own
            code does; the message names the field.
    """
    config = parse_object(storage.read_bytes(path), path, TransformersFolderError)
    if config.get("model_type") not in list(CLASSES):  # a list: it may be of any type
        raise TransformersFolderError(
            f"{path}: model_type is {config.get('model_type')!r}; known are {', '.join(CLASSES)}."
        )
    for name in (*_SIZES, *_SHARES, "hidden_act"):
        if config.get(name) is None:
            raise TransformersFolderError(
                f"{path}: says nothing of {name!r}. Load the model with `transformers`, and write "
                f"it again with save_pretrained."
            )
    for name, known in _ALIKE.items():
        if config.get(name, known[0]) not in known:
            raise TransformersFolderError(
                f"{path}: {name} is {config[name]!r}, and the models here have "
                f"{' or '.join(map(repr, known))}. Take another model."
            )
    _check_numbers(config, path)
    return _architecture(config)


def _check_numbers(config: dict[str, Any], path: str) -> None:
    """What is built from it has sizes that can be."""
    rules: dict[str, Rule] = dict.fromkeys(_SIZES, _is_size)
    rules |= dict.fromkeys(_SHARES, _is_share)
    rules |= {name: rule for name, rule in _OPTIONAL.items() if name in config}
    wrong = [name for name, holds in rules.items() if not holds(config[name])]
    if not wrong and config["hidden_size"] % config["num_attention_heads"]:
        wrong = ["num_attention_heads"]
    if wrong:
        raise TransformersFolderError(
            f"{path}: {wrong[0]} is {config[wrong[0]]!r}, which no {config['model_type']} has. "
            f"Take the folder from its source again."
        )


def _is_size(value: object) -> bool:
    return type(value) is int and 0 < value < 1 << 31


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and 0 <= value <= 1


def _architecture(config: dict[str, Any]) -> Architecture:
    return Architecture(
        type=config["model_type"],
        vocab_size=config["vocab_size"],
        pad_id=config.get("pad_token_id") or 0,
        num_layers=config["num_hidden_layers"],
        hidden_size=config["hidden_size"],
        num_heads=config["num_attention_heads"],
        intermediate_size=config["intermediate_size"],
        embedding_size=config.get("embedding_size", config["hidden_size"]),
        max_position=config["max_position_embeddings"],
        type_vocab_size=config["type_vocab_size"],
        hidden_dropout=config["hidden_dropout_prob"],
        attention_dropout=config["attention_probs_dropout_prob"],
        initializer_range=config["initializer_range"],
        activation=config["hidden_act"],
        generator_share=config.get("generator_share"),
        sequence_classes=config.get("sequence_classes", 2),
    )


_SIZES = (
    "vocab_size",
    "num_hidden_layers",
    "hidden_size",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
)
_SHARES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")
_OPTIONAL: dict[str, Rule] = {
    "pad_token_id": lambda value: value is None or value == 0 or _is_size(value),
    "embedding_size": _is_size,
    "generator_share": lambda value: value is None or _is_share(value),
    "sequence_classes": _is_size,
}
# What a configuration may say, where it says anything; with all else we would compute other numbers
# than its own model does.
_ALIKE: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("gelu", "gelu_new"),
    "layer_norm_eps": (LAYER_NORM_EPSILON,),
    "position_embedding_type": ("absolute",),
    "num_hidden_groups": (1,),
    "inner_group_num": (1,),
    "is_decoder": (False,),
    "tie_word_embeddings": (True,),
}
