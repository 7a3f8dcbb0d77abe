"""Command-line options that several commands share, so that each has one name and one meaning."""

from pathlib import Path
from typing import Annotated

import typer

FLAG = ""  # the placeholder of an option without a value

RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A shipped recipe (see `textmill recipes`) or a YAML file.",
    ),
]
TextOption = Annotated[
    list[str],
    typer.Option(
        "--text",
        metavar="PATH",
        help="A file, a folder or a quoted glob; plain or .gz. Repeatable.",
    ),
]
WorkdirOption = Annotated[
    str,
    typer.Option(
        "--workdir", metavar="FOLDER", help="Folder of artifacts, metadata and published models."
    ),
]
RootOption = Annotated[
    str | None,
    typer.Option(
        "--root",
        metavar="GS_FOLDER",
        help="gs:// folder of artifacts, checkpoints and published models; the workdir by default.",
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
SpanOption = Annotated[
    int | None,
    typer.Option(
        "--span", metavar="N", help="The {SPAN} of the text to read; the newest by default."
    ),
]
ToNodeOption = Annotated[
    str | None,
    typer.Option(
        "--to-node", metavar="NODE", help="Stop after this node, running only what it depends on."
    ),
]
PricesOption = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        metavar="FILE",
        help="Your own price table, in the format of pipelines/machines/prices.yaml.",
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
