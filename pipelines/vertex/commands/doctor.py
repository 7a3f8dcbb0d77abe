"""The command `textmill doctor`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.vertex.commands.options import (
    EndpointOption,
    JsonOption,
    LabelOption,
    NetworkOption,
    ParamOption,
    ProjectOption,
    RegionOption,
    RootOption,
    ServiceAccountOption,
    SetOption,
    consoles,
    open_cloud,
    print_json,
)

if TYPE_CHECKING:
    from pipelines.vertex.doctor.check import Check, Subject

STYLES = {"ok": "green", "warning": "yellow", "failed": "red"}


def doctor(
    spec_or_recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="[SPEC_OR_RECIPE]",
            help="Also look at what this needs on Vertex AI; only at this machine, if left out.",
        ),
    ] = None,
    param: ParamOption = None,
    label: LabelOption = None,
    root: RootOption = None,
    project: ProjectOption = None,
    region: RegionOption = None,
    service_account: ServiceAccountOption = None,
    network: NetworkOption = None,
    workdir: Annotated[Path, typer.Option(help="Where runs on this machine are kept.")] = Path(
        "work"
    ),
    as_json: JsonOption = False,
    set_: SetOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Looks for what would stop a run, before money is spent; changes nothing."""
    from pipelines.vertex.doctor.cloud import cloud_checks
    from pipelines.vertex.doctor.local import local_checks

    checks = list(_shown(local_checks(workdir), as_json))
    if spec_or_recipe is not None:
        subject = _subject(
            spec_or_recipe, param, label, root, project, region, service_account, network, set_,
            endpoint,
        )  # fmt: skip
        checks += _shown(cloud_checks(subject), as_json)
    raise typer.Exit(_finish(checks, as_json))


def _subject(
    spec_or_recipe: str,
    param: list[str] | None,
    label: list[str] | None,
    root: str | None,
    project: str | None,
    region: str | None,
    service_account: str | None,
    network: str | None,
    set_: list[str] | None,
    endpoint: str | None,
) -> "Subject":
    """The same order that `submit` would send, so that its options are checked as well."""
    from pipelines.vertex.doctor.check import Subject
    from pipelines.vertex.runs.job_request import Wishes
    from pipelines.vertex.runs.prepare import prepare

    wishes = Wishes(
        parameters=param or (), labels=label or (), root=root, service_account=service_account,
        network=network,
    )  # fmt: skip
    ready = prepare(
        spec_or_recipe, project=project, region=region, endpoint=endpoint, overrides=set_,
        wishes=wishes,
    )  # fmt: skip
    target, job = ready.target, ready.order.job

    def value(name: str) -> str | None:
        found = ready.order.values.get(name) or ready.template.default_of(name)
        return str(found) if found else None

    return Subject(
        cloud=open_cloud(target.project, target.region, target.endpoint),
        template=ready.template,
        root=job.runtime_config.gcs_output_directory,
        text_root=value("text_root"),
        text_pattern=value("text_pattern") or "",
        span=value("span"),
        values=ready.order.values,
        service_account=job.service_account or None,
    )


def _shown(checks: Iterable["Check"], as_json: bool) -> Iterable["Check"]:
    """Prints each check when it is known: the slow ones should not hide the quick ones."""
    from pipelines.vertex.runs.watch import safe

    out, _ = consoles()
    for check in checks:
        if not as_json:
            out.print(
                f"[{STYLES[check.state]}]{check.state:<8}[/] {safe(check.name):<16} "
                f"{safe(check.told)}",
                soft_wrap=True,
            )
            if check.remedy:
                out.print(f"{'':<25} → {safe(check.remedy)}", soft_wrap=True)
        yield check


def _finish(checks: list["Check"], as_json: bool) -> int:
    from dataclasses import asdict

    from core.wording import plural
    from pipelines.exit_codes import FAILED, SUCCEEDED

    failed = sum(check.state == "failed" for check in checks)
    warned = sum(check.state == "warning" for check in checks)
    if as_json:
        print_json([asdict(check) for check in checks])
    elif failed:
        typer.echo(f"\n{plural(failed, 'thing', 'things')} would stop a run.")
    else:
        well = "\nNothing would stop a run"
        typer.echo(f"{well}, {plural(warned, 'warning', 'warnings')}." if warned else f"{well}.")
    return FAILED if failed else SUCCEEDED
