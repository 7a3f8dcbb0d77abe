"""Write a model to folders that `transformers` reads, with safetensors and never a pickle."""

import json
from typing import Any

import safetensors.numpy

from core import storage
from core.file_names import TRANSFORMERS_FOLDER
from core.vocabulary.vocabulary import Vocabulary
from trainer.huggingface.config import CLASSES, CONFIG, GENERATOR_FOLDER, make_config
from trainer.huggingface.weights import WEIGHTS, Values
from trainer.models.architecture import Architecture, generator_architecture
from trainer.models.electra import EMBEDDINGS, GENERATOR


def write_transformers_folders(
    folder: str, architecture: Architecture, values: Values, vocabulary: Vocabulary
) -> None:
    """Write `transformers/`, and for an ELECTRA also `transformers-generator/`."""
    main = {name: value for name, value in values.items() if not name.startswith(GENERATOR)}
    config = make_config(architecture, _class_name(architecture))
    main = _with_classifier(architecture, main)
    _write(storage.join(folder, TRANSFORMERS_FOLDER), config, main, vocabulary)
    if architecture.type == "electra":
        generator = {n.removeprefix(GENERATOR): v for n, v in values.items() if n not in main}
        embeddings = {n: v for n, v in main.items() if n.startswith(f"{EMBEDDINGS}.")}
        config = make_config(generator_architecture(architecture), "ElectraForMaskedLM")
        target = storage.join(folder, GENERATOR_FOLDER)
        _write(target, config, {**embeddings, **generator}, vocabulary)


def _write(folder: str, config: dict[str, Any], values: Values, vocabulary: Vocabulary) -> None:
    content = json.dumps(config, indent=2, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(folder, CONFIG), content.encode())
    # `transformers` refuses a safetensors file without this metadata.
    weights = safetensors.numpy.save(values, metadata={"format": "pt"})
    storage.write_bytes(storage.join(folder, WEIGHTS), weights)
    for name in vocabulary.files:
        file = storage.read_bytes(storage.join(vocabulary.folder, name))
        storage.write_bytes(storage.join(folder, name), file)


def _class_name(a: Architecture) -> str:
    """Return the class to load with; BertForPreTraining supports only two classes of pairs."""
    has_more_classes = a.type == "bert" and a.sequence_classes != 2
    return "BertForMaskedLM" if has_more_classes else CLASSES[a.type]


def _with_classifier(architecture: Architecture, values: Values) -> Values:
    """Add copies of a head for more than two classes, named as in `…ForSequenceClassification`.

    That class computes the same: a linear layer on the pooled [CLS].
    """
    head = {"bert": "cls.seq_relationship.", "albert": "sop_classifier.classifier."}
    if architecture.sequence_classes == 2:
        return values
    prefix = head[architecture.type]
    copies = {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
    return {**values, **{f"classifier.{name}": value for name, value in copies.items()}}
