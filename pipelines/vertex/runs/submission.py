"""Prepare a submission, checked completely before anything is sent, and submit it."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from components.vertex_trainer.overrides import Value
from core.errors import InputError
from core.storage import is_remote
from pipelines.cloud.client import Cloud
from pipelines.cloud.connect import quiet_libraries
from pipelines.cloud.errors import DeniedError
from pipelines.cloud.target import Target, make_target
from pipelines.compiled_spec.job_batch import check_job_batch
from pipelines.compiled_spec.parameters import task_files, unbuilt_images
from pipelines.machines.fit import check_machine
from pipelines.machines.presets import preset
from pipelines.recipe.settings import Recipe
from pipelines.vertex.options import SubmitOptions
from pipelines.vertex.runs.describe import DEFAULT_ACCOUNT, print_fields, short_id, state_name
from pipelines.vertex.runs.pipeline_job import make_job, make_retry
from pipelines.vertex.runs.spec_text import find_text, read_spec_text
from pipelines.vertex.runs.template import Template, load_template
from pipelines.vertex.runs.watch import get_run

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A checked pipeline job and where it goes; nothing has been sent yet."""

    template: Template
    target: Target
    job: "v1.PipelineJob"
    values: Mapping[str, Value]  # of the spec's parameters


def prepare_submission(spec_or_recipe: str, options: SubmitOptions) -> Submission:
    """Load or compile the spec and check all options, without contacting Google Cloud.

    Raises:
        InputError: the spec or an option is missing or wrong.
    """
    quiet_libraries()
    template = load_template(
        spec_or_recipe, options.overrides, functools.partial(choose_target, options=options)
    )
    check_task_files(template)
    target = choose_target(template.get_default, options)
    job, values = make_job(template, target, options)
    check_job_batch(template.spec, values)
    if template.recipe:
        _check_memory(template.recipe, values)
    return Submission(template=template, target=target, job=job, values=values)


def _check_memory(recipe: Recipe, values: Mapping[str, Value]) -> None:
    """Check that a batch or model size given at submission fits the job's devices.

    Only a recipe says how long its instances are; the recipe's own sizes are checked when it is
    compiled.
    """
    if recipe.vertex and values.keys() & {"global_batch_size", "model_size"}:
        size = values.get("global_batch_size", recipe.trainer.global_batch_size)
        trainer = recipe.trainer.model_copy(update={"global_batch_size": size})
        model = recipe.model.model_copy(
            update={"size": values.get("model_size", recipe.model.size)}
        )
        changed = recipe.model_copy(update={"trainer": trainer, "model": model})
        check_machine(changed, preset(recipe.vertex.training.machine))


def choose_target(get_default: Callable[[str], Any], options: SubmitOptions) -> Target:
    """Return where the run goes: the options, else the spec's or recipe's, else the credentials'.

    Raises:
        InputError: the project or region is missing or malformed.
    """
    return make_target(
        options.project or get_default("project") or _default_project(),
        options.region or get_default("region"),
        options.endpoint,
    )


def _default_project() -> str | None:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        _, project = google.auth.default()
    except DefaultCredentialsError:
        return None  # make_target reports the missing project; connect asks for credentials later
    return str(project) if project else None


def check_images_built(template: Template) -> None:
    """Refuse a spec that still has the placeholder digests of a shipped recipe.

    Raises:
        InputError: names the images.
    """
    if unbuilt := unbuilt_images(template.spec):
        names = ", ".join(image.split("@")[0] for image in unbuilt)
        raise InputError(
            f"{template.source}: {names} {'is' if len(unbuilt) == 1 else 'are'} not built yet. "
            f"Build and push the images (docs/guides/vertex.md), put their digests into the "
            f"recipe's vertex.images, and compile again."
        )


def check_task_files(template: Template) -> None:
    """Refuse downstream tasks whose files Vertex AI cannot read.

    Raises:
        InputError: names the first such file.
    """
    if local := [path for path in task_files(template.spec) if not is_remote(path)]:
        raise InputError(
            f"{template.source}: {local[0]} of evaluation.tasks is on this machine, where Vertex "
            f"AI cannot read it. Copy it to gs://, put that path into the recipe, and compile "
            f"again."
        )


def check_text_on_store(cloud: Cloud, submission: Submission, console: Console) -> None:
    """Refuse a run whose text is missing or is not text; text that the caller may not read passes.

    Raises:
        InputError: there is no such bucket, or no such text.
    """
    template, values = submission.template, submission.values
    text = read_spec_text(template, lambda name: values.get(name) or template.get_default(name))
    if text is None:
        return
    try:
        find_text(cloud, text)
    except DeniedError as error:  # the run has an account of its own
        console.print(f"warning: the text is not checked. {error}", soft_wrap=True, markup=False)


def make_request(submission: Submission, run_id: str | None) -> "v1.CreatePipelineJobRequest":
    """Build the request that starts a run; without a run id, one is made from name and time."""
    from google.cloud import aiplatform_v1 as v1

    return v1.CreatePipelineJobRequest(
        parent=submission.target.parent,
        pipeline_job=submission.job,
        pipeline_job_id=run_id or _new_run_id(submission.job.display_name),
    )


def make_retry_request(cloud: Cloud, name: str) -> "v1.CreatePipelineJobRequest":
    """Build the request that starts again what a failed or cancelled run did.

    Raises:
        InputError: the run has succeeded, or has not ended.
    """
    from google.cloud import aiplatform_v1 as v1

    job = get_run(cloud, name)
    state = state_name(job.state)
    if state not in ("failed", "cancelled"):
        raise InputError(
            f"The run {short_id(name)} is not failed or cancelled, but {state}. `textmill submit` "
            f"starts a new run."
        )
    return v1.CreatePipelineJobRequest(
        parent=cloud.target.parent,
        pipeline_job=make_retry(job),
        pipeline_job_id=_new_run_id(job.display_name),
    )


def _new_run_id(name: str) -> str:
    """Make a run id in the form of Google's own client: the pipeline's name and the time."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{plain[:100]}-{datetime.now(UTC):%Y%m%d%H%M%S}"


def send_request(cloud: Cloud, request: "v1.CreatePipelineJobRequest") -> "v1.PipelineJob":
    """Start the run; retry if the service is busy, but never start it twice."""
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
