"""Prepare a submission: load the spec, choose the target, and build the checked pipeline job."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.vertex_trainer.overrides import Value
from core.errors import InputError
from pipelines.cloud.connect import quiet_libraries
from pipelines.cloud.target import Target, make_target
from pipelines.compiled_spec.facts import unbuilt_images
from pipelines.vertex.runs.pipeline_job import SubmitOptions, make_job
from pipelines.vertex.runs.template import Template, load_template

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

    Args:
        spec_or_recipe: file of a compiled spec or recipe, or the name of a shipped recipe.
        options: options of the command line.

    Raises:
        InputError: the spec or an option is missing or wrong.
    """
    quiet_libraries()
    template = load_template(spec_or_recipe, options.overrides)
    target = make_target(
        options.project or template.default_of("project") or _default_project(),
        options.region or template.default_of("region"),
        options.endpoint,
    )
    job, values = make_job(template, target, options)
    return Submission(template=template, target=target, job=job, values=values)


def _default_project() -> str | None:
    """Return the project of the application default credentials, if there are any."""
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
