"""Derive facts from a recipe without loading TFX: its nodes, and the work of its training."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from core.errors import InputError, did_you_mean
from core.format_numbers import format_compact, format_flop
from core.loading import loading_libraries
from core.settings import LATEST_BLESSED
from pipelines.quiet import hush
from pipelines.recipe.file import load_recipe, shipped_recipes
from pipelines.recipe.settings import Recipe
from pipelines.table import Table, print_table
from trainer.settings.training import TrainerSettings

if TYPE_CHECKING:
    from trainer.models.architecture import Architecture


@dataclass(frozen=True, kw_only=True)
class TrainingWork:
    """The size of a model and the amount of computation of its training."""

    parameters: int  # trainable weights, including the pre-training heads
    steps: int  # optimizer updates
    global_batch_size: int  # instances per step in the first phase
    seq_length: int  # tokens per instance in the first phase
    tokens: int  # positions processed over all phases, including padding
    flops: float  # of all matrix products, forward and backward


@dataclass(frozen=True, kw_only=True)
class PhaseWork:
    """The steps of one phase, and their shape."""

    steps: int
    trainer: TrainerSettings
    seq_length: int
    slots: int  # masked tokens per instance


def compute_work(recipe: Recipe) -> TrainingWork:
    """Compute the training work of a recipe. This imports TensorFlow but runs nothing with it."""
    from trainer.models.parameters import count_parameters
    from trainer.objectives.choose import make_objective
    from trainer.report.figures import training_flops

    architecture = recipe_architecture(recipe)
    objective = make_objective(architecture, recipe.instances.objective, recipe.model.electra)
    tokens, flops = 0, 0.0
    for phase in list_phases(recipe):
        instances = phase.steps * phase.trainer.global_batch_size
        tokens += instances * phase.seq_length
        flops += instances * training_flops(architecture, phase.seq_length, phase.slots)
    return TrainingWork(
        parameters=count_parameters(objective.model.parameters()),
        steps=recipe.trainer.steps,
        global_batch_size=recipe.trainer.global_batch_size,
        seq_length=recipe.instances.seq_length,
        tokens=tokens,
        flops=flops,
    )


def recipe_architecture(recipe: Recipe) -> "Architecture":
    """Return the sizes of a recipe's model."""
    from trainer.models.architecture import resolve_architecture
    from trainer.warm_start.start import check_start

    if recipe.model.start_from in (None, LATEST_BLESSED):
        return resolve_architecture(recipe.model, vocab_size=recipe.vocabulary.size, pad_id=0)
    return check_start(recipe.model)  # the folder's shape overrides the recipe's size


def list_phases(recipe: Recipe) -> list[PhaseWork]:
    """Return the phases of a recipe's training, in order."""
    from components.instance_gen.writing.plan import count_slots

    spans = pairwise(recipe.trainer.phase_boundaries())
    return [
        PhaseWork(
            steps=end - first,
            trainer=trainer,
            seq_length=instances.seq_length,
            slots=count_slots(instances, recipe.masking),
        )
        for (first, end), trainer, instances in zip(
            spans, recipe.trainer.by_phase(), recipe.instances_by_phase(), strict=True
        )
    ]


def node_names(recipe: Recipe) -> list[str]:
    """Return the ids of the nodes that `create_pipeline` makes on this machine."""
    starts = (recipe.vocabulary.import_from, recipe.model.start_from)
    names = ["BaseModel"] if LATEST_BLESSED in starts else []
    names += ["TextExampleGen", "DocumentStatistics", "SchemaGen", "DocumentValidator"]
    names += ["VocabularyGen", "InstanceImport" if recipe.instances.import_from else "InstanceGen"]
    names += ["InstanceStatistics", "InstanceValidator", "CorpusReportGen"]
    names += ["InstanceExport"] if recipe.export else []
    for number in range(2, 2 + len(recipe.trainer.phases)):
        parts = ("InstanceGen", "InstanceStatistics", "InstanceValidator")
        names += [f"{part}Phase{number}" for part in parts]
    names += ["Trainer", "LatestBlessedModel"]
    names += ["DownstreamEvaluator"] if recipe.evaluation.tasks else []
    return [*names, "ModelEvaluator", "ModelCardGen", "Pusher"]


def check_nodes(recipe: Recipe, *, to_node: str | None, rerun: str | None) -> None:
    """Check the values of `--to-node` and `--rerun`.

    Raises:
        InputError: the pipeline has no such node, or the run would stop before it.
    """
    names = node_names(recipe)
    for option, name in (("--to-node", to_node), ("--rerun", rerun)):
        if name is not None and name not in names:
            raise InputError(
                f"{option} {name}: no such node.{did_you_mean(name, names)} "
                f"Nodes of this pipeline: {', '.join(names)}."
            )
    if to_node and rerun and names.index(rerun) > names.index(to_node):
        raise not_before(rerun, to_node)


def not_before(rerun: str, to_node: str) -> InputError:
    """Return the error for a node to run again on which the last node does not depend."""
    return InputError(
        f"--rerun {rerun}: {to_node} does not depend on it, so it would not run. Leave out "
        f"--to-node, or name {rerun} or a node after it."
    )


def check_training(recipe: Recipe, to_node: str | None) -> None:
    """Check that the training can start on this machine, if a run up to a node trains at all.

    Raises:
        InputError: device, libraries, precision or batch do not fit.
    """
    with loading_libraries():
        from trainer.devices.check import check_devices

    if trains(recipe, to_node):
        check_devices(recipe.trainer)


def trains(recipe: Recipe, to_node: str | None) -> bool:
    """Return whether a run up to a node, or to its end, has a training."""
    names = node_names(recipe)
    return to_node is None or names.index(to_node) >= names.index("Trainer")


def print_recipes() -> None:
    """Print a table of the shipped recipes: model, training work and description."""
    hush(verbose=False)
    console = Console(highlight=False)
    numbers = ("parameters", "tokens", "compute")
    table = Table("recipe", "model", *numbers, "", right=numbers, wraps=True)
    for name in shipped_recipes():
        recipe = load_recipe(name)
        work = compute_work(recipe)
        table.add_row(
            f"[bold]{name}[/]",
            f"{recipe.model.type} {recipe.model.size}",
            format_compact(work.parameters),
            format_compact(work.tokens),
            format_flop(work.flops),
            f"{escape(recipe.description)}\n[dim]{escape(recipe.expected)}[/]",
        )
    print_table(table, console)
