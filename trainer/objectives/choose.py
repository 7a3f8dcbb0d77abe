"""Settings and instances to what is learned: the one place that knows every type of model."""

from trainer.input.instances import Instances
from trainer.models.architecture import Architecture, resolve_architecture
from trainer.models.electra import Electra
from trainer.models.pair_model import PairModel
from trainer.objectives.electra import ElectraObjective
from trainer.objectives.pairs import PairObjective
from trainer.settings.model import ElectraSettings, ModelSettings
from trainer.warm_start.start import start_architecture

PreTraining = PairObjective | ElectraObjective
Model = PairModel | Electra


def choose_objective(settings: ModelSettings, instances: Instances) -> PreTraining:
    """The objective of a model that these settings describe, on these instances."""
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
    return objective_of(architecture, instances.pair, settings.electra)


def objective_of(
    architecture: Architecture, pair: str | None, electra: ElectraSettings
) -> PreTraining:
    """The objective of a model that is known already."""
    if architecture.type == "electra":
        return ElectraObjective(
            Electra(architecture),
            temperature=electra.temperature,
            discriminator_weight=electra.discriminator_weight,
        )
    return PairObjective(PairModel(architecture), pair)
