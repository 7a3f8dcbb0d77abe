"""Write a small model with random weights for any test, as `transformers` folders."""

from pathlib import Path

from core.file_names import TRANSFORMERS_FOLDER
from core.vocabulary.vocabulary import load_vocabulary
from tests.small_vocabulary import SPECIALS, write_small_vocabulary
from trainer.huggingface.write import write_transformers_folders
from trainer.models.architecture import resolve_architecture
from trainer.models.families import build_model
from trainer.models.parameters import first_values
from trainer.settings.model import ModelSettings

WORDS = (
    *("the", "a", "film", "book", "was", "is", "and", "not", ".", ",", "##s", "##ly"),
    *("good", "fine", "warm", "bad", "dull", "cold"),
)
SHAPE = {"num_layers": 2, "hidden_size": 32, "num_heads": 2, "intermediate_size": 64}


def write_small_model(folder: Path, kind: str = "bert", seed: int = 1, **model: object) -> str:
    """Write a model of a few words; return the folder of `config.json`."""
    entries = [*SPECIALS, *WORDS]
    vocabulary = load_vocabulary(str(write_small_vocabulary(folder / "vocabulary", entries)))
    (folder / "vocabulary" / "tokenizer_config.json").write_text("{}")
    narrow = {} if kind == "bert" else {"embedding_size": 16}
    narrow |= {"generator_share": 0.5} if kind == "electra" else {}
    settings = ModelSettings(
        **{"type": kind, "max_position": 64, "initializer_range": 0.1, **SHAPE, **narrow, **model}
    )
    architecture = resolve_architecture(
        settings, vocab_size=vocabulary.size, pad_id=vocabulary.pad_id
    )
    parameters = build_model(architecture).parameters()
    values = first_values(parameters, deviation=0.1, seed=seed)
    write_transformers_folders(str(folder), architecture, values, vocabulary)
    return str(folder / TRANSFORMERS_FOLDER)
