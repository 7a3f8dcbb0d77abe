"""Options that `submit`, `schedule`, `runs` and `doctor` share, and the cloud that they name."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from pipelines.cloud.client import Cloud

TemplateArgument = Annotated[
    str,
    typer.Argument(
        metavar="SPEC_OR_RECIPE", help="A compiled spec, a recipe's file, or a shipped recipe."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Overrides a setting of the recipe. May be repeated."),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", help="A parameter of the spec, as steps=2000. May be repeated."),
]
LabelOption = Annotated[
    list[str] | None, typer.Option("--label", help="As team=nlp. May be repeated.")
]
RootOption = Annotated[
    str | None,
    typer.Option(
        envvar="TEXTMILL_PIPELINE_ROOT",
        help="gs://BUCKET/FOLDER for the artifacts; else the spec's.",
    ),
]
ServiceAccountOption = Annotated[
    str | None,
    typer.Option(
        envvar="TEXTMILL_SERVICE_ACCOUNT", help="The account that the run works as; see the docs."
    ),
]
NetworkOption = Annotated[
    str | None, typer.Option(help="projects/NUMBER/global/networks/NAME, for a peered network.")
]
NoCacheOption = Annotated[
    bool, typer.Option("--no-cache", help="Run every task, also those that did not change.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the request as JSON and send nothing.")
]
ProjectOption = Annotated[
    str | None,
    typer.Option(
        envvar="GOOGLE_CLOUD_PROJECT",
        help="Project id; else the recipe's, else that of your credentials.",
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(envvar="GOOGLE_CLOUD_REGION", help="As us-central1; else the recipe's."),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        envvar="TEXTMILL_VERTEX_ENDPOINT",
        help="A private endpoint, as https://{service}-corp.p.googleapis.com, where {service} is "
        "us-central1-aiplatform, storage, …; Google's own by default. One with http:// is an "
        "emulator on this machine and gets no credentials.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Show the tasks' states until the run ends; exit as it does.")
]
PollOption = Annotated[
    float, typer.Option(min=0.01, help="With --wait: how often to look at the run.")
]
POLL_SECONDS = 15.0


def consoles() -> tuple[Console, Console]:
    """For results, and for what happens meanwhile."""
    return Console(highlight=False), Console(stderr=True, highlight=False)


def print_json(content: Any) -> None:
    """JSON to the terminal."""
    from pipelines.cloud.messages import to_text

    typer.echo(to_text(content))


def open_cloud(project: str | None, region: str | None, endpoint: str | None) -> "Cloud":
    """Google Cloud as the options say; waiting is told on the terminal.

    Raises:
        InputError: project or region is missing or of the wrong form.
        VertexError: there are no credentials.
    """
    from pipelines.cloud.client import connect

    return connect(project, region, endpoint, say=consoles()[1].print)
