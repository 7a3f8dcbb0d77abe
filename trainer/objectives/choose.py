"""Choose the objective of a model from settings and instances."""

from trainer.input.instances import Instances
from trainer.models.architecture import Architecture, resolve_architecture
from trainer.models.electra import Electra
from trainer.models.families import build_model
from trainer.objectives.electra import ElectraObjective
from trainer.objectives.objective import Objective
from trainer.objectives.pairs import PairObjective
from trainer.settings.model import ElectraSettings, ModelSettings
from trainer.warm_start.start import start_architecture


def choose_objective(settings: ModelSettings, instances: Instances) -> Objective:
    """Build the model that the settings describe, with its objective on these instances."""
    vocabulary = instances.vocabulary
    if settings.start_from:
        architecture = start_architecture(
            settings, settings.start_from, vocabulary, instances.sequence_classes
        )
    else:
        architecture = resolve_architecture(
            settings,
            vocab_size=vocabulary.size,
            pad_id=vocabulary.pad_id,
            sequence_classes=instances.sequence_classes,
        )
    return make_objective(architecture, instances.pair, settings.electra)


def make_objective(
    architecture: Architecture, pair: str | None, electra: ElectraSettings
) -> Objective:
    """Build the model of an architecture, with its objective."""
    model = build_model(architecture)
    if isinstance(model, Electra):
        return ElectraObjective(
            model,
            temperature=electra.temperature,
            discriminator_weight=electra.discriminator_weight,
        )
    return PairObjective(model, pair)
