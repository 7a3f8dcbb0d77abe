"""`textmill run`: a recipe, text and a workdir to a finished run and its summary."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from rich.console import Console
from rich.markup import escape

from components.text_example_gen.reading.check_encoding import check_encoding
from core import storage
from core.errors import InputError
from core.json_object import read_json
from core.signals import sigterm_raises
from pipelines.exit_codes import SUCCEEDED
from pipelines.local.run_ending import Begun, see_to_the_end
from pipelines.local.run_origin import run_origin
from pipelines.local.run_summary import RunSummary, short
from pipelines.local.store_care import check_store, close_unfinished
from pipelines.local.text_location import TextLocation, locate_text
from pipelines.quiet import hush, log_to
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.workdir import Workdir, hold, open_workdir

if TYPE_CHECKING:
    from pipelines.platform import Places

RECIPE, LOG = "recipe.yaml", "log.txt"


def run_recipe(
    recipe_name: str,
    text: list[str],
    *,
    workdir: str,
    overrides: list[str],
    span: int | None = None,
    until: str | None = None,
    wait_seconds: float = 0,
    verbose: bool = False,
) -> int:
    """Runs a recipe on this machine.

    All that can be checked cheaply is checked before TFX is loaded.

    Args:
        recipe_name: a shipped recipe or a YAML file.
        text: files, folders, globs.
        workdir: the folder that owns the runs.
        overrides: as "trainer.steps=2000".
        span: which `{SPAN}` of the text to take; None takes the newest.
        until: the last node to run.
        wait_seconds: how long to wait for another run in the workdir.
        verbose: show what libraries log.

    Returns:
        The exit code.

    Raises:
        InputError: recipe, text or workdir cannot be used.
    """
    recipe = load_recipe(recipe_name, overrides).from_here()
    order = Order(recipe, locate_text(text), open_workdir(workdir), span, until, verbose)
    if span is not None and not order.text.has_span:
        raise InputError(
            f"--span {span}: --text holds no {{SPAN}}. Write it where the spans differ."
        )
    if not order.text.has_span:
        check_encoding(order.text.base, order.text.patterns, recipe.text)
    hush(verbose)
    with hold(order.workdir, wait_seconds), sigterm_raises():
        check_store(order.workdir)
        closed = close_unfinished(order.workdir, "its process was killed; closed by the next run")
        return _run(order, closed)


@dataclass(frozen=True)
class Order:
    """What is to be run, of which text, where."""

    recipe: Recipe
    text: TextLocation
    workdir: Workdir
    span: int | None
    until: str | None
    verbose: bool


def _run(order: Order, closed: list[int]) -> int:
    recipe, workdir = order.recipe, order.workdir
    console = Console(stderr=True, highlight=False)
    run_id = workdir.new_run()
    clock = NodeClock(console)
    if closed:
        clock.say(f"an earlier run was killed at work; its executions are closed: {closed}")
    begun = Begun(run_id, recipe.name, workdir, {"log": str(workdir.runs / run_id / LOG)})
    summary, code = see_to_the_end(
        begun, lambda: _execute(order, run_id, clock), clock.seconds, console
    )
    if code == SUCCEEDED:
        print_next(summary, workdir.pipeline_root(recipe.name), console)
    return code


def _execute(order: Order, run_id: str, clock: "NodeClock") -> None:
    """Builds the pipeline and runs it; TFX is loaded here and not before."""
    recipe, workdir = order.recipe, order.workdir
    folder = workdir.runs / run_id
    write_recipe(recipe, folder)
    clock.say(f"run {run_id}: loading TFX and TensorFlow")
    from pipelines.create_pipeline import create_pipeline
    from pipelines.local.local_runner import Watch, run_locally

    log_to(folder / LOG, order.verbose)
    pipeline = create_pipeline(recipe, places_of(recipe, order.text, workdir, order.span))
    watch = Watch(clock.begins, clock.ended)
    run_locally(pipeline, run_id, watch, order.until, run_origin(recipe))


def places_of(recipe: Recipe, text: TextLocation, workdir: Workdir, span: int | None) -> "Places":
    """Where a local run reads and writes."""
    from pipelines.platform import Places

    return Places(
        input_base=text.base,
        patterns=text.patterns,
        pipeline_root=str(workdir.pipeline_root(recipe.name)),
        checkpoint_root=str(workdir.checkpoints(recipe.name)),
        destination=str(workdir.published(recipe.name)),
        span=span,
        metadata_path=str(workdir.metadata),
    )


def write_recipe(recipe: Recipe, folder: Path) -> None:
    """Keeps the recipe as it was run: defaults filled in, overrides applied."""
    content = yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    storage.write_bytes(str(folder / RECIPE), content.encode())


class NodeClock:
    """Tells the terminal which node is at work, and keeps how long each took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun: dict[str, float] = {}
        self._spent: dict[str, float] = {}

    def say(self, words: str) -> None:
        """Prints a passing remark."""
        self._console.print(f"[dim]{escape(words)}[/]")

    def begins(self, node_id: str) -> None:
        """A node begins."""
        self._begun[node_id] = time.monotonic()
        self.say(f"{len(self._begun):>2} {node_id}")

    def ended(self, node_id: str, seconds: float) -> None:
        """A node ended well."""
        self._spent[node_id] = seconds

    def seconds(self) -> dict[str, float]:
        """Wall time of each node in the order of their begin, also of one that did not end."""
        now = time.monotonic()
        return {n: self._spent.get(n, now - begun) for n, begun in self._begun.items()}


def print_next(summary: RunSummary, pipeline_root: Path, console: Console) -> None:
    """Prints what to type next, if the run has a model."""
    model = summary.places.get("model")
    if not model:
        return
    folder = short(model)
    console.print("\nNext, with `pip install transformers torch`:")
    console.print(
        f"  from transformers import {_class_of(model)}, AutoTokenizer\n"
        f'  model = {_class_of(model)}.from_pretrained("{escape(folder)}/transformers")',
        soft_wrap=True,
    )
    console.print(f"  tensorboard --logdir {escape(short(str(pipeline_root)))}", soft_wrap=True)


def _class_of(model: str) -> str:
    """What opens a published model's main folder; an ELECTRA's has no head for masked tokens."""
    config = read_json(Path(model) / "transformers" / "config.json")
    return {"electra": "ElectraForPreTraining"}.get(
        config.get("model_type", ""), "AutoModelForMaskedLM"
    )
