"""Run a recipe on this machine: the command `textmill run`."""

import contextlib
import functools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from components.text_example_gen.reading.list_remote import list_once
from core import storage
from core.exit import SUCCEEDED, sigterm_raises
from core.file_names import RECIPE
from core.json_object import read_json
from core.loading import loading_libraries
from core.plain_yaml import dump_plain
from pipelines.local.node_timer import NodeTimer
from pipelines.local.run_and_report import run_and_report
from pipelines.local.run_origin import describe_origin
from pipelines.local.run_summary import RunSummary, StartedRun, short
from pipelines.local.standard_input import keep_standard_input
from pipelines.local.store_care import check_store, close_unfinished
from pipelines.local.text_location import TextLocation, locate_and_check
from pipelines.local.training_rate import find_rate
from pipelines.machines.engine import check_engine
from pipelines.machines.local import check_local_memory
from pipelines.metadata.mlmd.update import relocate
from pipelines.metadata.names import KILLED
from pipelines.options import RunOptions
from pipelines.quiet import hush, log_to
from pipelines.recipe.budget import resolve_budget
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import check_nodes, check_training
from pipelines.workdir import Workdir, claim_remote, hold, locate_workdir, open_workdir

if TYPE_CHECKING:
    from pipelines.run_environment import Locations

IsCached = Callable[[Recipe, TextLocation, RunOptions], bool]
LOG = "log.txt"
PATTERN = "__autograph_generated_file*.py"  # tensorflow/python/autograph/pyct/loader.py
STALE_SECONDS = 24 * 3600  # a running process may still show the source of a newer one


def run_recipe(
    options: RunOptions,
    *,
    wait_seconds: float = 0,
    verbose: bool = False,
    is_training_cached: IsCached = lambda *_: False,
) -> int:
    """Run a recipe on this machine.

    All cheap checks are done before TFX is loaded.

    Args:
        options: recipe, text and workdir.
        wait_seconds: how long to wait for another run in the workdir.
        verbose: also print the log messages of libraries.
        is_training_cached: says whether the training would come from the cache. It is asked only
            about one that does not fit this machine.

    Returns:
        The exit code.

    Raises:
        InputError: recipe, text or workdir cannot be used.
    """
    recipe = load_recipe(options.recipe, options.overrides or ()).from_here()
    check_nodes(recipe, to_node=options.to_node, rerun=options.rerun)
    with list_once(), keep_standard_input(options.text or []) as names:
        text = locate_and_check(names, options.span, recipe.text)
        is_cached = functools.partial(is_training_cached, recipe, text, options)
        return _check_and_run(recipe, text, options, wait_seconds, verbose, is_cached)


def _check_and_run(
    recipe: Recipe,
    text: TextLocation,
    options: RunOptions,
    wait_seconds: float,
    verbose: bool,
    is_training_cached: Callable[[], bool],
) -> int:
    hush(verbose)
    check_training(recipe, options.to_node)
    check_local_memory(recipe, options.to_node, is_training_cached)
    if not locate_workdir(options.workdir, options.root).metadata.exists():
        check_engine(recipe.beam)  # later, everything that needs it may be cached
    workdir = open_workdir(options.workdir, options.root)  # makes it, so all else is checked first
    with hold(workdir, wait_seconds), sigterm_raises():
        check_store(workdir)
        relocate(workdir.metadata, workdir.root)
        claim_remote(workdir)
        closed = close_unfinished(workdir, KILLED)
        recipe, budget = resolve_budget(recipe, functools.partial(find_rate, workdir=workdir))
        if budget:
            Console(stderr=True, highlight=False).print(escape(budget), soft_wrap=True)
        return _run(recipe, text, workdir, options, closed, verbose)


def _run(
    recipe: Recipe,
    text: TextLocation,
    workdir: Workdir,
    options: RunOptions,
    closed: list[int],
    verbose: bool,
) -> int:
    console = Console(stderr=True, highlight=False)
    run_id = workdir.new_run()
    folder = workdir.runs / run_id
    timer = NodeTimer(console)
    if closed:
        timer.say(f"an earlier run was killed; closed its unfinished executions: {closed}")

    def execute() -> None:
        """Build the pipeline and run it. TFX is loaded here and not earlier."""
        write_recipe(recipe, folder)
        timer.say(f"run {run_id}: loading TFX and TensorFlow")
        remove_stale_generated_files()
        with loading_libraries():
            from pipelines.create_pipeline import create_pipeline
            from pipelines.local.local_runner import Nodes, run_locally

        log_to(folder / LOG, verbose)
        pipeline = create_pipeline(recipe, make_locations(recipe, text, workdir, options.span))
        nodes = Nodes(options.to_node, options.rerun)
        run_locally(pipeline, run_id, timer, nodes, describe_origin(recipe))

    started = StartedRun(run_id, recipe.name, workdir, {"log": str(folder / LOG)}, options.rerun)
    summary, code = run_and_report(started, execute, timer.seconds, console)
    if code == SUCCEEDED:
        print_next(summary, workdir, console)
    return code


def make_locations(
    recipe: Recipe, text: TextLocation, workdir: Workdir, span: int | None
) -> "Locations":
    """Return the folders that a local run reads from and writes to."""
    from pipelines.run_environment import Locations

    return Locations(
        input_base=text.base,
        patterns=text.by_source,
        pipeline_root=workdir.pipeline_root(recipe.name),
        checkpoint_root=workdir.checkpoints(recipe.name),
        destination=workdir.published(recipe.name),
        span=span,
        metadata_path=str(workdir.metadata),
    )


def write_recipe(recipe: Recipe, folder: Path) -> None:
    """Write the recipe as it was run, with defaults and overrides."""
    content = dump_plain(recipe.model_dump(mode="json"))
    storage.write_bytes(str(folder / RECIPE), content.encode())


def print_next(summary: RunSummary, workdir: Workdir, console: Console) -> None:
    """Print the next commands to type, or why the run published no model."""
    model = summary.places.get("model")
    if not model:
        _explain_unpublished(summary, console)
        return
    commands = [
        f"{name_program('tensorboard')} --logdir {short(workdir.pipeline_root(summary.recipe))}",
        f"{name_program('textmill')} lineage serve --workdir {short(str(workdir.root))}",
    ]
    folder = short(model)
    if storage.is_remote(model):
        commands.insert(0, f"gcloud storage cp --recursive {model} .")
        folder = model.rpartition("/")[2]
    code = [
        f"from transformers import {_choose_class(model)}, AutoTokenizer",
        f'model = {_choose_class(model)}.from_pretrained("{folder}/transformers")',
    ]
    _print_lines("\nNext:", commands, console)
    _print_lines("and in Python, with `pip install transformers torch`:", code, console)


def name_program(program: str) -> str:
    """Return what to type for a program of this environment: its name, or else its path."""
    path, found = Path(sys.executable).with_name(program), shutil.which(program)
    is_elsewhere = path.exists() and not (found and path.samefile(found))
    return short(str(path)) if is_elsewhere else program


def _print_lines(title: str, lines: list[str], console: Console) -> None:
    console.print(title, *(f"  {line}" for line in lines), sep="\n", markup=False, soft_wrap=True)


def _explain_unpublished(summary: RunSummary, console: Console) -> None:
    evaluations: list[Any] = [node.counts.get("evaluation") for node in summary.nodes]
    for evaluation in filter(None, evaluations):
        if not evaluation["blessed"]:
            reasons = escape("; ".join(evaluation["reasons"]))
            console.print(f"\nNo model was published: {reasons}.")
            console.print(
                "Train longer (trainer.steps) or on more text. The settings of `evaluation` say "
                "when a model is good enough."
            )


def _choose_class(model: str) -> str:
    """Return the Transformers class for a published model; ELECTRA has no masked-token head."""
    config = read_json(storage.join(model, "transformers", "config.json"))
    return {"electra": "ElectraForPreTraining"}.get(
        config.get("model_type", ""), "AutoModelForMaskedLM"
    )


def remove_stale_generated_files() -> int:
    """Delete this user's generated files that are over a day old; return their number."""
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(PATTERN):
        with contextlib.suppress(OSError):  # another run may remove it first
            status = path.stat()
            if status.st_uid == os.geteuid() and time.time() - status.st_mtime > STALE_SECONDS:
                path.unlink()
                removed += 1
    return removed
