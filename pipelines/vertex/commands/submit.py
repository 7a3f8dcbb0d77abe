"""The command `textmill submit`."""

from typing import Annotated

import typer

from pipelines.options import ParamOption, SetOption
from pipelines.vertex.commands.options import (
    POLL_SECONDS,
    DryRunOption,
    EndpointOption,
    LabelOption,
    NetworkOption,
    NoCacheOption,
    PollOption,
    ProjectOption,
    RegionOption,
    RootOption,
    ServiceAccountOption,
    SpecArgument,
    WatchOption,
    consoles,
    open_cloud,
    print_json,
    submit_options,
)


def submit(
    context: typer.Context,
    spec_or_recipe: SpecArgument,
    parameters: ParamOption = None,
    labels: LabelOption = None,
    root: RootOption = None,
    project: ProjectOption = None,
    region: RegionOption = None,
    service_account: ServiceAccountOption = None,
    network: NetworkOption = None,
    no_cache: NoCacheOption = False,
    run_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Id of the run; by default the pipeline's name and the time."
        ),
    ] = None,
    watch: WatchOption = False,
    poll_seconds: PollOption = POLL_SECONDS,
    dry_run: DryRunOption = False,
    overrides: SetOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Run a pipeline once on Vertex AI (now called Gemini Enterprise Agent Platform).

    Example: textmill submit pipeline.yaml --param text_root=gs://my-text/news --watch
    """
    from pipelines.vertex.runs.submission import (
        check_images_built,
        make_request,
        prepare_submission,
        print_submitted,
        send_request,
    )
    from pipelines.vertex.runs.watch import watch_and_report

    submission = prepare_submission(spec_or_recipe, submit_options(context))
    request = make_request(submission, run_id)
    if dry_run:
        from pipelines.cloud.client import message_to_json

        print_json(message_to_json(request))
        return
    check_images_built(submission.template)
    out, err = consoles()
    target = submission.target
    cloud = open_cloud(target.project, target.region, target.endpoint)
    job = send_request(cloud, request)
    print_submitted(cloud, job, out)
    if watch:
        raise typer.Exit(watch_and_report(cloud, job, err, poll_seconds))
