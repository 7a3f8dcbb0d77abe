"""Examine a submission that may be incomplete: what it lacks, and what can be checked anyway."""

from collections.abc import Callable
from typing import TypeVar

from core.errors import TextmillError
from pipelines.cloud.client import Cloud
from pipelines.cloud.connect import quiet_libraries
from pipelines.cloud.target import Target
from pipelines.vertex.doctor.check import Subject
from pipelines.vertex.options import SubmitOptions, open_cloud
from pipelines.vertex.runs.pipeline_job import choose_root, make_job, parameter_values
from pipelines.vertex.runs.spec_text import read_spec_text
from pipelines.vertex.runs.submission import check_images_built, choose_target
from pipelines.vertex.runs.template import load_template

T = TypeVar("T")
UNKNOWN = Target(project="unknown", region="unknown")


def examine(spec_or_recipe: str, options: SubmitOptions) -> tuple[list[str], Subject | None]:
    """Return what a submission lacks, and what to check; nothing is sent.

    Without a spec there is nothing to check.
    """
    problems: dict[str, None] = {}

    def attempt(function: Callable[[], T]) -> T | None:
        try:
            return function()
        except TextmillError as error:
            problems.update(dict.fromkeys(str(error).splitlines()))
            return None

    quiet_libraries()
    template = attempt(lambda: load_template(spec_or_recipe, options.overrides))
    if template is None:
        return list(problems), None
    target = attempt(lambda: choose_target(template.get_default, options))
    root = attempt(lambda: choose_root(template, options.root))
    place = target or UNKNOWN
    values = attempt(lambda: parameter_values(template, place, options, root or "gs://unknown"))
    account = options.service_account or template.get_default("service_account")
    is_complete = root is not None and values is not None  # only other options may be wrong
    if is_complete and (job := attempt(lambda: make_job(template, place, options))):
        account = job[0].service_account
    cloud = attempt(lambda: open_cloud(target)) if target else None
    if cloud is None:  # the images cannot be looked up either
        attempt(lambda: check_images_built(template))

    def value(name: str) -> str | None:
        given = (values or {}).get(name) or template.get_default(name)
        return str(given) if given else None

    return list(problems), Subject(
        cloud=cloud or Cloud(UNKNOWN, None),
        can_ask=cloud is not None,
        template=template,
        root=root,
        text=read_spec_text(template, value),
        values=values or {},
        service_account=account or None,
    )
