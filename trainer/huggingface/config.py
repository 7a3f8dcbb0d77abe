"""Convert between `config.json` and an architecture that computes what the original code does."""

from collections.abc import Callable
from typing import Any

from core import storage
from core.errors import InputError
from core.json_object import parse_object
from trainer.models.architecture import LAYER_NORM_EPSILON, Architecture

CONFIG = "config.json"
GENERATOR_FOLDER = "transformers-generator"  # beside TRANSFORMERS_FOLDER
CLASSES = {  # model_type: the pre-training class of `transformers`
    "bert": "BertForPreTraining",
    "albert": "AlbertForPreTraining",
    "electra": "ElectraForPreTraining",
}
Check = Callable[[object], bool]


class TransformersFolderError(InputError):
    """A folder without a supported model."""


def read_config(path: str) -> Architecture:
    """Read a `config.json`.

    Raises:
        TransformersFolderError: the model is not supported, because Textmill would not compute what
            its own code computes; the message names the field.
    """
    config = parse_object(storage.read_bytes(path), path, TransformersFolderError)
    if config.get("model_type") not in list(CLASSES):  # a list: the value may be unhashable
        raise TransformersFolderError(
            f"{path}: model_type is {config.get('model_type')!r}; supported are "
            f"{', '.join(CLASSES)}. Choose another model."
        )
    for name in (*_SIZES, *_FRACTIONS, "hidden_act"):
        if config.get(name) is None:
            raise TransformersFolderError(
                f"{path}: {name!r} is missing. Load the model with `transformers` and write it "
                f"again with save_pretrained."
            )
    for name, supported in _SUPPORTED.items():
        if config.get(name, supported[0]) not in supported:
            raise TransformersFolderError(
                f"{path}: {name} is {config[name]!r}; supported is "
                f"{' or '.join(map(repr, supported))}. Choose another model."
            )
    _check_numbers(config, path)
    return _architecture(config)


def make_config(a: Architecture, class_name: str) -> dict[str, Any]:
    """Return the content of `config.json` for a class of `transformers`."""
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
        if a.embedding_sharing != "shared":
            config["embedding_sharing"] = a.embedding_sharing  # ours
    if a.sequence_classes != 2:
        config["id2label"] = {str(n): f"LABEL_{n}" for n in range(a.sequence_classes)}
        config["label2id"] = {label: int(n) for n, label in config["id2label"].items()}
        config["sequence_classes"] = a.sequence_classes  # ours
    return config


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
        embedding_sharing=config.get("embedding_sharing", "shared"),
    )


def _check_numbers(config: dict[str, Any], path: str) -> None:
    """Require sizes and fractions that a model can have."""
    checks: dict[str, Check] = dict.fromkeys(_SIZES, _is_size)
    checks |= dict.fromkeys(_FRACTIONS, _is_fraction)
    checks |= {name: check for name, check in _OPTIONAL.items() if name in config}
    invalid = [name for name, check in checks.items() if not check(config[name])]
    if not invalid and config["hidden_size"] % config["num_attention_heads"]:
        invalid = ["num_attention_heads"]
    if invalid:
        raise TransformersFolderError(
            f"{path}: {invalid[0]} is {config[invalid[0]]!r}, which is impossible for a model of "
            f"type {config['model_type']}. Get the folder from its source again."
        )


def _is_size(value: object) -> bool:
    return type(value) is int and 0 < value < 1 << 31


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and 0 <= value <= 1


_SIZES = (
    "vocab_size",
    "num_hidden_layers",
    "hidden_size",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
)
_FRACTIONS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")
_OPTIONAL: dict[str, Check] = {
    "pad_token_id": lambda value: value is None or value == 0 or _is_size(value),
    "embedding_size": _is_size,
    "generator_share": lambda value: value is None or _is_fraction(value),
    "sequence_classes": _is_size,
    "embedding_sharing": lambda value: value in ("shared", "none"),
}
# The supported values of fields that change the computation; the first one is the default.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("gelu", "gelu_new"),
    "layer_norm_eps": (LAYER_NORM_EPSILON,),
    "position_embedding_type": ("absolute",),
    "num_hidden_groups": (1,),
    "inner_group_num": (1,),
    "is_decoder": (False,),
    "tie_word_embeddings": (True,),
}
