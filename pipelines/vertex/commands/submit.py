"""The command `textmill submit`."""

from typing import Annotated

import typer

from pipelines.vertex.commands.options import (
    POLL_SECONDS,
    DryRunOption,
    EndpointOption,
    LabelOption,
    NetworkOption,
    NoCacheOption,
    ParamOption,
    PollOption,
    ProjectOption,
    RegionOption,
    RootOption,
    ServiceAccountOption,
    SetOption,
    TemplateArgument,
    WaitOption,
    consoles,
    open_cloud,
    print_json,
)


def submit(
    spec_or_recipe: TemplateArgument,
    param: ParamOption = None,
    label: LabelOption = None,
    root: RootOption = None,
    project: ProjectOption = None,
    region: RegionOption = None,
    service_account: ServiceAccountOption = None,
    network: NetworkOption = None,
    no_cache: NoCacheOption = False,
    run_id: Annotated[
        str | None,
        typer.Option(help="The run's id; the pipeline's name and the time, if left out."),
    ] = None,
    wait: WaitOption = False,
    poll_seconds: PollOption = POLL_SECONDS,
    dry_run: DryRunOption = False,
    set_: SetOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Runs a pipeline on Vertex AI, once."""
    from pipelines.vertex.runs.job_request import Wishes
    from pipelines.vertex.runs.prepare import must_be_built, prepare
    from pipelines.vertex.runs.submit import (
        follow,
        make_request,
        print_submitted,
        request_json,
        send,
    )

    ready = prepare(
        spec_or_recipe,
        project=project,
        region=region,
        endpoint=endpoint,
        overrides=set_,
        wishes=Wishes(
            parameters=param or (),
            labels=label or (),
            root=root,
            service_account=service_account,
            network=network,
            use_cache=False if no_cache else None,
        ),
    )
    request = make_request(ready.order, ready.target, run_id)
    if dry_run:
        print_json(request_json(request))
        return
    must_be_built(ready.template)
    out, err = consoles()
    target = ready.target
    cloud = open_cloud(target.project, target.region, target.endpoint)
    job = send(cloud, request)
    print_submitted(cloud, job, out)
    if wait:
        raise typer.Exit(follow(cloud, job, err, poll_seconds))
