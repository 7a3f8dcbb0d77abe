"""Define what the commands of `textmill lineage` share: options, and opening the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import InputError

if TYPE_CHECKING:
    from pipelines.metadata.archive import Archive

WorkdirOption = Annotated[
    Path, typer.Option("--workdir", metavar="FOLDER", help="Folder of the runs; only read.")
]
WrittenWorkdirOption = Annotated[
    Path, typer.Option("--workdir", metavar="FOLDER", help="Folder of the runs.")
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="vertex://PROJECT/REGION",
        envvar="TEXTMILL_LINEAGE_SOURCE",
        help="Read Vertex ML Metadata instead of a workdir.",
    ),
]
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, metavar="N", help="Maximum number of runs, newest first.")
]
NAME_HELP = "A run id, `latest`, an artifact id, a folder, a published version or a digest."
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=NAME_HELP)]
DEFAULT_WORKDIR = Path("work")


def open_archive(workdir: Path, source: str | None = None) -> "Archive":
    """Open the lineage of a workdir, or of Vertex ML Metadata if a source is given."""
    from pipelines.metadata.archive import Archive

    if source is not None:
        from pipelines.lineage.vertex_store import open_vertex_store

        return Archive(workdir, open_vertex_store(source))
    if not workdir.is_dir():
        raise InputError(f"{workdir}: no such folder. Give the folder of the runs with --workdir.")
    return Archive(workdir)


def make_console() -> Any:
    """Return a console that does not color numbers and paths."""
    from rich.console import Console

    return Console(highlight=False)
