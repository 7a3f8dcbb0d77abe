"""List the model families, and build a model of one."""

from trainer.models.albert import Albert
from trainer.models.architecture import Architecture
from trainer.models.bert import Bert
from trainer.models.electra import Electra

PairModel = Bert  # or Albert: learns from masked tokens and sentence pairs
Model = PairModel | Electra
FAMILIES: dict[str, type[Model]] = {"bert": Bert, "albert": Albert, "electra": Electra}


def build_model(architecture: Architecture) -> Model:
    """Build the model that an architecture describes."""
    return FAMILIES[architecture.type](architecture)
