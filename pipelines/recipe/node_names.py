"""List the nodes of a recipe's pipeline without loading TFX."""

from core.errors import InputError
from core.settings import LATEST_BLESSED
from core.wording import did_you_mean
from pipelines.recipe.settings import Recipe


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
    return [*names, "Trainer", "LatestBlessedModel", "ModelEvaluator", "ModelCardGen", "Pusher"]


def check_node(recipe: Recipe, to_node: str | None) -> None:
    """Check the value of `--to-node`.

    Raises:
        InputError: the pipeline has no such node.
    """
    names = node_names(recipe)
    if to_node is not None and to_node not in names:
        raise InputError(
            f"--to-node {to_node}: no such node.{did_you_mean(to_node, names)} "
            f"Nodes of this pipeline: {', '.join(names)}."
        )
