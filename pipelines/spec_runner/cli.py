"""Define the command `textmill run-spec`."""

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from pipelines.options import FLAG, ParamOption, VerboseOption, WorkdirOption, accept_options


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `run-spec`, apart from the spec and the workdir."""

    text: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Text for a pipeline that Textmill compiled: a file, folder or quoted glob.",
        ),
    ] = None
    parameters: ParamOption = None
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="URI=FOLDER",
            help="Map a bucket to a folder, for example gs://bucket/path=FOLDER. Repeatable; "
            "other buckets become folders in the workdir.",
        ),
    ] = None
    object_store: Annotated[
        bool,
        typer.Option(
            "--object-store",
            metavar=FLAG,
            help="Read and write the gs:// buckets themselves; --param pipeline_root=gs://… says "
            "where artifacts go.",
        ),
    ] = False
    use_cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", metavar=FLAG, help="Reuse results that are up to date."),
    ] = True
    retry: Annotated[
        bool,
        typer.Option(
            "--retry/--no-retry", metavar=FLAG, help="Retry failed tasks as the spec says."
        ),
    ] = True
    warm: Annotated[
        bool,
        typer.Option(
            "--warm", metavar=FLAG, help="Load TFX once for all tasks; saves seconds per task."
        ),
    ] = False
    engine: Annotated[
        Literal["docker", "podman"] | None,
        typer.Option(
            metavar="PROGRAM",
            help="Start the image of each task in a container of its own, with docker or podman. "
            "Default: run the commands as processes of this machine.",
        ),
    ] = None
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--image",
            metavar="NAME=LOCAL",
            help="With --engine, start a local image instead of an image of the spec. Its name may "
            "lack the digest. Repeatable.",
        ),
    ] = None
    verbose: VerboseOption = False


@accept_options
def run_spec(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A compiled pipeline: YAML or JSON, schema 2.1.")
    ],
    options: Options,
    workdir: WorkdirOption = "work",
) -> None:
    """Run a compiled pipeline on this machine, without a cloud account.

    Example: textmill run-spec pipeline.yaml --text 'corpus/*.txt' --param steps=200
    """
    from pipelines.spec_runner import command

    raise typer.Exit(command.run_spec(spec, workdir=workdir, options=options))
