"""Options shared by `submit`, `schedule`, `runs` and `doctor`, and the connection they describe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipelines.options import FLAG, ParamOption, SetOption

if TYPE_CHECKING:
    from pipelines.cloud.client import Cloud
    from pipelines.cloud.target import Target

SpecArgument = Annotated[
    str,
    typer.Argument(
        metavar="SPEC_OR_RECIPE", help="A compiled spec, a recipe's file, or a shipped recipe."
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run", metavar=FLAG, help="Print the request as JSON without changing anything."
    ),
]
WatchOption = Annotated[
    bool,
    typer.Option(
        "--watch",
        metavar=FLAG,
        help="Show the states of the tasks until the run ends; exit with the run's result.",
    ),
]
PollOption = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0.01, help="With --watch: time between two requests."),
]
LimitOption = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, help="Maximum number, newest first.")
]
POLL_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """The project, region and endpoint of a command, as given on the command line."""

    project: Annotated[
        str | None,
        typer.Option(
            metavar="PROJECT",
            envvar="GOOGLE_CLOUD_PROJECT",
            help="Project ID; by default the recipe's, or that of your credentials.",
        ),
    ] = None
    region: Annotated[
        str | None,
        typer.Option(
            metavar="REGION",
            envvar="GOOGLE_CLOUD_REGION",
            help="For example us-central1; the recipe's by default.",
        ),
    ] = None
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            envvar="TEXTMILL_VERTEX_ENDPOINT",
            help="URL of a private endpoint, in which {service} becomes us-central1-aiplatform, "
            "storage and so on; Google's public endpoint by default. An http:// URL is an emulator "
            "on this machine, without credentials.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class JobOptions(TargetOptions):
    """What a run does and how, as given on the command line and not checked yet."""

    parameters: ParamOption = None
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="KEY=VALUE", help="Label the run, for example team=nlp. Repeatable."
        ),
    ] = None
    root: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            envvar="TEXTMILL_PIPELINE_ROOT",
            help="gs://BUCKET/FOLDER for the artifacts; the spec's by default.",
        ),
    ] = None
    service_account: Annotated[
        str | None,
        typer.Option(
            metavar="EMAIL",
            envvar="TEXTMILL_SERVICE_ACCOUNT",
            help="Account that the run works as; see the guide to accounts.",
        ),
    ] = None
    network: Annotated[
        str | None,
        typer.Option(metavar="NETWORK", help="Full name of a peered network, for private access."),
    ] = None
    overrides: SetOption = None


@dataclass(frozen=True, kw_only=True)
class SubmitOptions(JobOptions):
    """The options of a submission; without `no_cache`, the spec decides task by task."""

    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", metavar=FLAG, help="Run every task, even if it is unchanged."),
    ] = False


def consoles() -> tuple[Console, Console]:
    """Return the console for results (stdout) and that for progress (stderr)."""
    return Console(highlight=False), Console(stderr=True, highlight=False)


def print_json(content: Any) -> None:
    """Print indented JSON, with anything that looks like a token replaced."""
    import json

    print_plain(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))


def print_plain(text: str) -> None:
    """Print text that may contain untrusted names, without secrets and control characters."""
    from pipelines.cloud.errors import without_secrets

    typer.echo(without_secrets(text))


def open_cloud(target: "TargetOptions | Target") -> "Cloud":
    """Connect to Google Cloud; retries are reported on stderr."""
    from pipelines.cloud.connect import connect

    return connect(target.project, target.region, target.endpoint, report=consoles()[1].print)
