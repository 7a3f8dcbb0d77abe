"""Submit a run to Vertex AI."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console

from pipelines.cloud.client import Cloud
from pipelines.vertex.runs.describe import DEFAULT_ACCOUNT, print_fields, short_id
from pipelines.vertex.runs.submission import Submission
from pipelines.vertex.runs.watch import get_run

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1


def make_request(submission: Submission, run_id: str | None) -> "v1.CreatePipelineJobRequest":
    """Build the request that starts a run; without a run id, one is made from name and time."""
    from google.cloud import aiplatform_v1 as v1

    return v1.CreatePipelineJobRequest(
        parent=submission.target.parent,
        pipeline_job=submission.job,
        pipeline_job_id=run_id or _new_run_id(submission.job.display_name),
    )


def _new_run_id(name: str) -> str:
    """Make a run id in the form of Google's own client: the pipeline's name and the time."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{plain[:100]}-{datetime.now(UTC):%Y%m%d%H%M%S}"


def send_request(cloud: Cloud, request: "v1.CreatePipelineJobRequest") -> "v1.PipelineJob":
    """Start the run; retry if the service is busy, but never start it twice.

    Raises:
        VertexError: Vertex AI refused the request.
    """
    from google.api_core.exceptions import Conflict

    attempts = 0

    def create() -> "v1.PipelineJob":
        nonlocal attempts
        attempts += 1
        try:
            return cloud.pipelines.create_pipeline_job(request=request)
        except Conflict:
            if attempts == 1:
                raise
            # An earlier attempt returned an error but did start the run, which has our id.
            return get_run(cloud, f"{request.parent}/pipelineJobs/{request.pipeline_job_id}")

    return cloud.call("submit the run", create)


def print_submitted(cloud: Cloud, job: "v1.PipelineJob", console: Console) -> None:
    """Print where the run is, and how to watch it."""
    target, name = cloud.target, short_id(job.name)
    fields = {
        "run": name,
        "place": f"{target.project}, {target.region}",
        "account": job.service_account or DEFAULT_ACCOUNT,
        "artifacts": job.runtime_config.gcs_output_directory,
        "console": target.console_link("runs", name),
        "watch": f"textmill runs show {name} --watch",
    }
    print_fields(fields, console)
