"""The commands `textmill models …`."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.options import JsonOption, print_json

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="List the versions of a published model, and choose the one to use.",
)
FolderArgument = Annotated[
    str,
    typer.Argument(
        metavar="FOLDER",
        help="Folder of the versions: work/published/RECIPE, or gs://BUCKET/ROOT/published/RECIPE; "
        "or a model of Vertex AI's registry: vertex://PROJECT/REGION/MODEL.",
    ),
]
VersionArgument = Annotated[
    str, typer.Argument(metavar="VERSION", help="A version, or an alias such as latest.")
]


@app.command("list")
def list_(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """List the versions, newest first, with their aliases.

    Example: textmill models list work/published/demo
    """
    from rich.console import Console

    from pipelines.models.versions import read_versions
    from pipelines.table import Table, print_table

    versions = read_versions(folder)
    if as_json:
        print_json([asdict(version) for version in versions])
        return
    table = Table("version", "aliases", "published", "MB", "content", right=["MB"])
    for version in versions:
        aliases, megabytes = ", ".join(version.aliases), _megabytes(version.size_bytes)
        digest = version.content_digest.removeprefix("sha256:")[:8]
        table.add_row(version.version, aliases, version.published[:19], megabytes, digest)
    print_table(table, Console(highlight=False))


@app.command()
def show(folder: FolderArgument, version: VersionArgument, as_json: JsonOption = False) -> None:
    """Show a version: its folder, its aliases and its digest.

    Example: textmill models show work/published/demo blessed
    """
    from pipelines.models.versions import find_version

    shown = asdict(find_version(folder, version))
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        typer.echo(f"{name:<15} {', '.join(value) if isinstance(value, tuple) else value}")


@app.command()
def promote(
    folder: FolderArgument,
    version: VersionArgument,
    alias: Annotated[str, typer.Option(metavar="ALIAS", help="The alias to move.")] = "blessed",
) -> None:
    """Let an alias name a version, after checking all of its files.

    Example: textmill models promote work/published/demo 1763862000 --alias production
    """
    from pipelines.models.versions import promote as move

    typer.echo(f"{alias} is {move(folder, version, alias).version} now.")


@app.command()
def rollback(folder: FolderArgument) -> None:
    """Let `blessed` name the version before the one that it names.

    Example: textmill models rollback gs://my-bucket/textmill/published/weekly
    """
    from pipelines.models.versions import rollback as move

    typer.echo(f"blessed is {move(folder).version} now.")


def _megabytes(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / 1e6:,.1f}"
