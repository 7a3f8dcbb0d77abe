"""What is submitted, checked, to the message that Vertex AI gets."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from components.vertex_trainer.overrides import Value
from core.errors import InputError
from pipelines.cloud.target import Target
from pipelines.compiled_spec.parameters import check_values
from pipelines.vertex.runs.template import Template

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

LABEL = "textmill_recipe"  # on every run: which pipeline it is of; bills can be split by it
LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
ACCOUNT = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")
ACCOUNT_FORM = "name@project.iam.gserviceaccount.com"
NETWORK = re.compile(r"projects/\d+/global/networks/[a-z][a-z0-9-]*")
ROOT = re.compile(r"gs://[a-z0-9][a-z0-9._-]+(/\S+)?")
# What the spec is told of the place that it runs in; also given to the job itself.
PLACE_PARAMETERS = ("project", "region", "pipeline_root", "service_account")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a person asks for beside the spec; checked by `make_job`."""

    parameters: Sequence[str] = ()  # as "steps=2000"
    labels: Sequence[str] = ()  # as "team=nlp"
    root: str | None = None
    service_account: str | None = None
    network: str | None = None
    use_cache: bool | None = None  # None: as the spec says, task by task
    fail_fast: bool = True  # start no new task after one has failed


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is sent: the job, and the values that it got."""

    job: "v1.PipelineJob"
    values: Mapping[str, Value] = field(default_factory=dict)


def make_order(template: Template, target: Target, wishes: Wishes) -> Order:
    """Checks all that can be checked here, and makes the request.

    Raises:
        InputError: a parameter, label, account, network or root is wrong, missing or unknown.
    """
    from google.cloud import aiplatform_v1 as v1

    root = _root(template, wishes.root)
    _must_match(ACCOUNT, wishes.service_account, "--service-account", ACCOUNT_FORM)
    _must_match(NETWORK, wishes.network, "--network", "projects/NUMBER/global/networks/NAME")
    values = _values(template, target, wishes, root)
    account = (
        wishes.service_account
        or values.get("service_account")
        or template.default_of("service_account")
        or ""
    )
    spec = template.spec
    if wishes.use_cache is not None:
        spec = with_caching(spec, wishes.use_cache)
    policy = v1.PipelineFailurePolicy
    job = v1.PipelineJob(
        display_name=template.name,
        pipeline_spec=spec,
        labels={LABEL: _label(template.name), **_labels(wishes.labels)},
        runtime_config=v1.PipelineJob.RuntimeConfig(
            gcs_output_directory=root,
            parameter_values=dict(values),
            failure_policy=policy.PIPELINE_FAILURE_POLICY_FAIL_FAST
            if wishes.fail_fast
            else policy.PIPELINE_FAILURE_POLICY_FAIL_SLOW,
        ),
        service_account=str(account),
        network=wishes.network or template.network or "",
    )
    return Order(job=job, values=values)


def _values(template: Template, target: Target, wishes: Wishes, root: str) -> dict[str, Value]:
    """The parameters that were asked for, and those that say where the run takes place."""
    given: dict[str, str | Value] = {}
    for text in wishes.parameters:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"--param {text}: write it as --param steps=2000.")
        given[name] = value
    place = {
        "project": target.project,
        "region": target.region,
        "pipeline_root": root,
        "service_account": wishes.service_account,
    }
    for name in PLACE_PARAMETERS:
        wanted = place[name]
        if wanted is None or not template.has(name):
            continue
        option = f"--{'root' if name == 'pipeline_root' else name.replace('_', '-')}"
        if given.get(name, wanted) != wanted:
            raise InputError(
                f"--param {name}={given[name]} contradicts {option} {wanted}. Give one of them."
            )
        given[name] = wanted
    return check_values(template.spec, given)


def _root(template: Template, wanted: str | None) -> str:
    """The folder of the artifacts: the option's, else the spec's."""
    root = wanted or template.default_of("pipeline_root")
    root = (root or template.spec.get("defaultPipelineRoot") or "").rstrip("/")
    if not root:
        raise InputError(
            "No folder for the artifacts is named. Give --root gs://BUCKET/FOLDER, set "
            "TEXTMILL_PIPELINE_ROOT, or set vertex.pipeline_root in the recipe."
        )
    _must_match(ROOT, root, "--root", "gs://BUCKET/FOLDER")
    return str(root)


def with_caching(spec: Mapping[str, Any], enabled: bool) -> dict[str, Any]:
    """The spec with the cache switched on or off for every task that can be cached."""
    changed = copy.deepcopy(dict(spec))
    dags = [changed["root"], *changed.get("components", {}).values()]
    for component in dags:
        for task in component.get("dag", {}).get("tasks", {}).values():
            if "cachingOptions" in task:
                task["cachingOptions"] = {"enableCache": True} if enabled else {}
    return changed


def _labels(texts: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not LABEL_KEY.fullmatch(key) or not LABEL_VALUE.fullmatch(value):
            raise InputError(
                f"--label {text}: write it as team=nlp; small letters, digits, - and _, at most 63 "
                f"each, and the key begins with a letter."
            )
        labels[key] = value
    return labels


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "-", name.lower())[:63]


def _must_match(pattern: re.Pattern[str], text: str | None, option: str, form: str) -> None:
    if text and not pattern.fullmatch(text):
        raise InputError(f"{option} {text}: write it as {form}.")


def new_job_id(name: str, moment: datetime) -> str:
    """A run's id, as Vertex's own client makes it: the pipeline's name and the time."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{plain[:100]}-{moment:%Y%m%d%H%M%S}"
