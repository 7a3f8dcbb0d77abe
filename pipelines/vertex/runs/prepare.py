"""A spec or recipe and a person's wishes to a checked order and the place where it goes."""

from dataclasses import dataclass

from core.errors import InputError
from pipelines.cloud.client import quiet_libraries
from pipelines.cloud.target import Target, make_target
from pipelines.compiled_spec.facts import unbuilt_images
from pipelines.vertex.runs.job_request import Order, Wishes, make_order
from pipelines.vertex.runs.template import Template, load_template


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A checked order and where it goes; nothing was sent, and no credentials were looked for."""

    template: Template
    target: Target
    order: Order


def prepare(
    name: str,
    *,
    project: str | None,
    region: str | None,
    endpoint: str | None,
    overrides: list[str] | None,
    wishes: Wishes,
) -> Prepared:
    """Reads or compiles the spec, finds the place, and checks the order.

    Raises:
        InputError: anything of it is wrong or missing.
    """
    quiet_libraries()
    template = load_template(name, overrides or ())
    project = project or template.default_of("project") or default_project()
    target = make_target(project, region or template.default_of("region"), endpoint)
    return Prepared(template=template, target=target, order=make_order(template, target, wishes))


def must_be_built(template: Template) -> None:
    """Refuses a spec whose images stand for ones that were not built yet.

    Raises:
        InputError: names them.
    """
    if unbuilt := unbuilt_images(template.spec):
        names = ", ".join(image.split("@")[0] for image in unbuilt)
        raise InputError(
            f"{template.source}: {names} {'was' if len(unbuilt) == 1 else 'were'} not built yet. "
            f"Build and push the images (docs/vertex.md), put their digests into the recipe's "
            f"vertex.images, and compile again."
        )


def default_project() -> str | None:
    """The project that application default credentials name, if there are any."""
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        _, project = google.auth.default()
    except DefaultCredentialsError:
        return None  # make_target says that a project is missing; credentials are asked for later
    return str(project) if project else None
