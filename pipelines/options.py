"""Command-line options that several commands share, so that each has one name and one meaning."""

import functools
import inspect
import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

FLAG = ""  # the placeholder of an option without a value

RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="A shipped recipe (see `textmill recipes`) or a YAML file."
    ),
]

WorkdirOption = Annotated[
    str,
    typer.Option(
        "--workdir", metavar="FOLDER", help="Folder of artifacts, metadata and published models."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a setting of the recipe, for example trainer.steps=2000. Repeatable.",
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="Set a parameter of the spec, for example steps=2000. Repeatable.",
    ),
]
PricesOption = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        metavar="FILE",
        help="Your own price table, in the format of the prices.yaml that Textmill ships.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", metavar=FLAG, help="Print JSON for programs instead of text.")
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", metavar=FLAG, help="Show the log output of TFX and TensorFlow."
    ),
]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What `run` executes and `plan` predicts, as given on the command line."""

    recipe: RecipeArgument
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            metavar="PATH",
            help="A file, a folder, a quoted glob, or - for standard input. Plain text, JSONL, "
            "Parquet or CSV; may be compressed. Repeatable.",
        ),
    ] = None
    workdir: WorkdirOption = "work"
    root: Annotated[
        str | None,
        typer.Option(
            "--root",
            metavar="URI",
            help="gs:// folder of artifacts, checkpoints and published models; "
            "the workdir by default.",
        ),
    ] = None
    overrides: SetOption = None
    span: Annotated[
        int | None,
        typer.Option(
            "--span",
            min=0,
            metavar="N",
            help="The {SPAN} of the text to read; the newest by default.",
        ),
    ] = None
    to_node: Annotated[
        str | None,
        typer.Option(
            "--to-node",
            metavar="NODE",
            help="Stop after this node, running only what it depends on.",
        ),
    ] = None
    rerun: Annotated[
        str | None,
        typer.Option(
            "--rerun",
            metavar="NODE",
            help="Run this node and all that follow from it again, even if they are cached.",
        ),
    ] = None


def print_json(content: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))


def accept_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take dataclasses of options: each of their fields becomes an option."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation
            for field in fields(parameter.annotation):
                default = inspect.Parameter.empty if field.default is MISSING else field.default
                kind = inspect.Parameter.KEYWORD_ONLY
                parameters.append(
                    inspect.Parameter(field.name, kind, default=default, annotation=field.type)
                )
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def with_groups(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    vars(with_groups)["__signature__"] = inspect.Signature(parameters)
    with_groups.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_groups
