"""Open the folder of a model to evaluate: an export of ours, or one that `transformers` wrote."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.writing.write_vocabulary import write_vocabulary
from core import storage
from core.manifest import read_manifest_if_exists, verified_files
from core.temporary import TemporaryFolder
from core.vocabulary.tokenizer_file import TOKENIZER_FILE, Kind, model_kind, read_tokenizer
from core.vocabulary.unigram import SPIECE_FILE
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from trainer.huggingface.read import check_half, find_model, read_model
from trainer.huggingface.weights import Values
from trainer.models.architecture import Architecture


@dataclass(frozen=True)
class ModelFolder:
    """A model with its vocabulary."""

    name: str
    architecture: Architecture
    values: Values
    vocabulary: Vocabulary

    @cached_property
    def fingerprint(self) -> tuple[Architecture, str]:
        """What tokens and compiled steps depend on."""
        return self.architecture, self.vocabulary.digest


@contextlib.contextmanager
def open_model(folder: str) -> Iterator[ModelFolder]:
    """Read a model and its vocabulary; the vocabulary's files last as long as the block.

    Raises:
        InputError: a file is missing or damaged, the model is not supported, or it is the generator
            of an ELECTRA.
    """
    if read_manifest_if_exists(folder) is None:
        with _open_verified(folder, folder) as model:
            yield model
    else:
        with verified_files(folder) as local, _open_verified(local, folder) as model:
            yield model


@contextlib.contextmanager
def _open_verified(folder: str, name: str) -> Iterator[ModelFolder]:
    architecture, values = read_model(folder)
    own = find_model(folder)
    if architecture.type == "electra":
        check_half(own, is_generator=False)
    with TemporaryFolder("download") as copy:
        write_vocabulary(import_vocabulary(own, _vocabulary_kind(own)), copy)
        yield ModelFolder(name, architecture, values, load_vocabulary(copy))


def _vocabulary_kind(folder: str) -> Kind:
    path = storage.join(folder, TOKENIZER_FILE)
    if storage.exists(path):
        return model_kind(read_tokenizer(folder)[0], path)
    has_spiece = storage.exists(storage.join(folder, SPIECE_FILE))
    return "sentencepiece" if has_spiece else "wordpiece"
