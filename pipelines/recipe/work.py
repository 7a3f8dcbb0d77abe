"""Compute how much work the training of a recipe is, from its settings alone."""

from dataclasses import dataclass
from itertools import pairwise

from core.settings import LATEST_BLESSED
from pipelines.recipe.settings import Recipe


@dataclass(frozen=True, kw_only=True)
class TrainingWork:
    """The size of a model and the amount of computation of its training."""

    parameters: int  # trainable weights, including the pre-training heads
    steps: int  # optimizer updates
    global_batch_size: int  # instances per step in the first phase
    seq_length: int  # tokens per instance in the first phase
    tokens: int  # positions processed over all phases, including padding
    flops: float  # of all matrix products, forward and backward


def compute_work(recipe: Recipe) -> TrainingWork:
    """Compute the training work of a recipe. This imports TensorFlow but runs nothing with it."""
    from components.instance_gen.writing.plan import count_slots
    from trainer.models.architecture import resolve_architecture
    from trainer.models.parameters import count_parameters
    from trainer.objectives.choose import objective_of
    from trainer.report.figures import training_flops
    from trainer.warm_start.start import check_start

    if recipe.model.start_from in (None, LATEST_BLESSED):
        size = recipe.vocabulary.size
        architecture = resolve_architecture(recipe.model, vocab_size=size, pad_id=0)
    else:
        architecture = check_start(recipe.model)  # the folder's shape overrides the recipe's size
    objective = objective_of(architecture, recipe.instances.objective, recipe.model.electra)
    tokens, flops = 0, 0.0
    phases = pairwise(recipe.trainer.phase_boundaries())
    for (first, end), trainer, instance_settings in zip(
        phases, recipe.trainer.by_phase(), recipe.instances_by_phase(), strict=True
    ):
        length = instance_settings.seq_length
        instances = (end - first) * trainer.global_batch_size
        tokens += instances * length
        flops += instances * training_flops(
            architecture, length, count_slots(instance_settings, recipe.masking)
        )
    return TrainingWork(
        parameters=count_parameters(objective.model.parameters()),
        steps=recipe.trainer.steps,
        global_batch_size=recipe.trainer.global_batch_size,
        seq_length=recipe.instances.seq_length,
        tokens=tokens,
        flops=flops,
    )
