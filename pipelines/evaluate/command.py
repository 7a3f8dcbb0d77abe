"""The command `textmill evaluate`: score a model on labeled tasks."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.options import JsonOption, SetOption, VerboseOption

if TYPE_CHECKING:
    from components.downstream_evaluator.results import TaskResult

# Its settings stand for those that the command line omits; only `evaluation` counts.
DEFAULT_RECIPE = ("demo", "model.max_position=32768")


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Folder of a model that Textmill published, or that `transformers` wrote: BERT, "
            "ALBERT or ELECTRA.",
        ),
    ],
    task: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK",
            help="A task in YAML, as in evaluation.tasks of a recipe, for example "
            "'{name: polarity, kind: classify, train: train.tsv, eval: eval.tsv}'. Repeatable.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--tasks-of", metavar="RECIPE", help="A recipe whose evaluation.tasks to use instead."
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Folder of another model to compare with.")
    ] = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Score a model on labeled tasks, beside random weights and a bag of words.

    Example: textmill evaluate my-bert --task '{name: spam, kind: classify, train: a.csv, eval:
    b.csv}'
    """
    from core.errors import InputError
    from core.storage import is_remote
    from pipelines.quiet import hush
    from pipelines.recipe.file import load_recipe

    for folder in (model, baseline):
        if folder is not None and not is_remote(folder) and not Path(folder).is_dir():
            raise InputError(f"{folder}: no such folder. Give the folder of a model.")
    tasks = [f"evaluation.tasks=[{', '.join(task)}]"] if task else []
    name, *defaults = (recipe,) if recipe else DEFAULT_RECIPE
    evaluation = load_recipe(name, [*defaults, *tasks, *(set_ or [])]).evaluation
    if not evaluation.tasks:
        raise InputError("No task is named. Give --task, or --tasks-of RECIPE.")
    hush(verbose=verbose)

    from components.downstream_evaluator.evaluate import evaluate_model

    results = evaluate_model(model, evaluation.downstream(), baseline)
    if as_json:
        typer.echo(json.dumps({name: asdict(result) for name, result in results.items()}, indent=1))
    else:
        _print_results(results.values())


def _print_results(results: Iterable["TaskResult"]) -> None:
    from rich.console import Console

    from components.model_card.measures import format_score
    from pipelines.table import Table, print_table

    rows = list(results)
    for result in rows:
        scores = ("fine-tuned", "frozen probe")
        title = f"[bold]{result.name}[/]: {result.metric}"
        table = Table("", *scores, right=scores, title=title)
        labels = {"model": "this model", "latest": "baseline model", "random": "random weights"}
        for key, label in labels.items():
            if key in result.probe:
                columns = (result.fine_tuning[key], result.probe[key])
                table.add_row(label, *(format_score(asdict(score)) for score in columns))
        for label, score in (
            ("bag of words", result.bag_of_words),
            ("most common label", result.majority),
        ):
            table.add_row(label, format_score(asdict(score)), "")
        print_table(table, console := Console(highlight=False))
        console.print(
            f"[dim]{result.train_examples:,} training and {result.eval_examples:,} held-out "
            f"examples; {result.cut_examples:,} cut to {result.seq_length} tokens; "
            f"{result.shared_examples:,} held-out texts are training texts, too. Standard error "
            f"from the held-out examples: {result.fine_tuning['model'].error:.3f}.[/]"
        )
