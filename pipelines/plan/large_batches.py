"""Warn of batches that are larger than the text can fill."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from components.settings import InstanceSettings
from components.text_example_gen.reading.compression import is_compressed
from components.text_example_gen.reading.find_files import find_files
from pipelines.local.text_location import TextLocation
from pipelines.recipe.settings import Recipe
from trainer.report.large_batch import explain_large_batch

if TYPE_CHECKING:
    from pipelines.plan.nodes import PlannedNode

# Low, so that the estimated number of instances is high and no warning is false: English text has
# more than 4 bytes per token, and compression rarely shrinks text to less than a quarter.
BYTES_PER_TOKEN = 2.5
COMPRESSION_RATIO = 4


def warn_of_large_batches(
    recipe: Recipe, text: TextLocation, nodes: Sequence["PlannedNode"]
) -> Iterator[str]:
    """Yield a warning for each phase whose batch is larger than its train split.

    The number of instances is known if they are cached; otherwise it is estimated from the size of
    the text, unless spans or imported records make that impossible.
    """
    known = {node.node: node.train_instances for node in nodes}
    source = "InstanceImport" if recipe.instances.import_from else "InstanceGen"
    phases = zip(recipe.trainer.by_phase(), recipe.instances_by_phase(), strict=True)
    for number, (trainer, instances) in enumerate(phases, 1):
        count = known.get(source if number == 1 else f"InstanceGenPhase{number}")
        guess = None if text.has_span else _estimate_instances(recipe, instances, text)
        warning = explain_large_batch(trainer.global_batch_size, count or guess, exact=bool(count))
        if warning:
            yield warning if number == 1 else f"Phase {number}: {warning}"


def _estimate_instances(
    recipe: Recipe, instances: InstanceSettings, text: TextLocation
) -> int | None:
    """Return about how many instances the text makes at most; None if they are imported."""
    if instances.import_from:
        return None
    size = sum(
        file.size_bytes * (COMPRESSION_RATIO if is_compressed(file.name) else 1)
        for file in find_files(text.base, text.patterns)
    )
    copies = instances.dupe_factor if instances.form == "static" else 1
    share = 1 - recipe.text.eval_fraction
    return max(1, round(share * copies * size / BYTES_PER_TOKEN / instances.seq_length))
