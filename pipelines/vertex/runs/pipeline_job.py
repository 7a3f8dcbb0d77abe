"""Build the pipeline job that Vertex AI receives, and check every option that goes into it."""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.vertex_trainer.overrides import Value
from core.errors import InputError
from pipelines.cloud.target import Target
from pipelines.compiled_spec.parameters import check_values, training_job
from pipelines.vertex.options import SubmitOptions
from pipelines.vertex.runs.template import Template

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

ARTIFACTS = "artifacts"  # folder below the root for what Vertex AI stores
SYSTEM = "vertex-ai-pipelines-"  # labels that Vertex AI adds begin with it
RECIPE_LABEL = "textmill_recipe"  # on every run: names its pipeline; bills can be grouped by it
LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
ACCOUNT = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")
ACCOUNT_FORM = "NAME@PROJECT.iam.gserviceaccount.com"
NETWORK = re.compile(r"projects/\d+/global/networks/[a-z][a-z0-9-]*")
ROOT = re.compile(r"gs://[a-z0-9][a-z0-9._-]*(/\S+)?")
# Parameters of the spec that repeat where the job runs, with the option that sets them.
TARGET_PARAMETERS = {
    "project": "--project",
    "region": "--region",
    "pipeline_root": "--root",
    "service_account": "--service-account",
    "network": "--network",
}


def make_job(
    template: Template, target: Target, options: SubmitOptions
) -> "tuple[v1.PipelineJob, dict[str, Value]]":
    """Check the options and build the job.

    Returns:
        The job, and the values given for the spec's parameters.

    Raises:
        InputError: a parameter, label, account, network or root is wrong, missing or unknown.
    """
    from google.cloud import aiplatform_v1 as v1

    root = choose_root(template, options.root)
    _check_form(ACCOUNT, options.service_account, "--service-account", ACCOUNT_FORM)
    values = parameter_values(template, target, options, root)

    def choose(name: str) -> str:
        value = getattr(options, name) or values.get(name) or template.get_default(name)
        return str(value or "")

    network, account = choose("network"), choose("service_account")
    _check_form(NETWORK, network, "--network", "projects/NUMBER/global/networks/NAME")
    training = training_job(template.spec)
    job_spec = training.get("job_spec", {})
    if job_spec.get("tensorboard") and not account:
        raise InputError(
            "vertex.training.tensorboard needs a service account that may write to it. Pass "
            "--service-account, or set vertex.service_account in the recipe."
        )
    recipe_label = re.sub(r"[^a-z0-9_-]", "-", template.name.lower())[:63]
    job = v1.PipelineJob(
        display_name=template.name,
        pipeline_spec=disable_cache(template.spec) if options.no_cache else template.spec,
        labels={RECIPE_LABEL: recipe_label, **_parse_labels(options.labels or ())},
        runtime_config=v1.PipelineJob.RuntimeConfig(
            # Apart from checkpoints/, published/ and runs/, which the tasks write below the root.
            gcs_output_directory=f"{root}/{ARTIFACTS}",
            parameter_values=dict(values),
            failure_policy=v1.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST,
        ),
        service_account=account,
        network=network,
        # As for the training: a pipeline outside of the network, or without the key, gives away
        # what the training protects.
        encryption_spec=training.get("encryption_spec"),
        reserved_ip_ranges=job_spec.get("reserved_ip_ranges"),
        psc_interface_config=job_spec.get("psc_interface_config"),
    )
    return job, values


def make_retry(job: "v1.PipelineJob") -> "v1.PipelineJob":
    """Return a job that does what another one did: finished tasks come from the cache."""
    from google.cloud import aiplatform_v1 as v1

    runtime = job.runtime_config
    return v1.PipelineJob(
        display_name=job.display_name,
        pipeline_spec=job.pipeline_spec,
        labels={key: value for key, value in job.labels.items() if not key.startswith(SYSTEM)},
        runtime_config=v1.PipelineJob.RuntimeConfig(
            gcs_output_directory=runtime.gcs_output_directory,
            parameter_values=runtime.parameter_values,
            failure_policy=runtime.failure_policy,
        ),
        service_account=job.service_account,
        network=job.network,
        encryption_spec=job.encryption_spec,
        reserved_ip_ranges=job.reserved_ip_ranges,
        psc_interface_config=job.psc_interface_config,
    )


def choose_root(template: Template, root: str | None) -> str:
    """Return the folder for artifacts: the option, or else the spec's."""
    root = root or template.get_default("pipeline_root")
    root = (root or template.spec.get("defaultPipelineRoot") or "").rstrip("/")
    if not root:
        raise InputError(
            "No folder for artifacts is set. Pass --root gs://BUCKET/FOLDER, set "
            "TEXTMILL_PIPELINE_ROOT, or set vertex.pipeline_root in the recipe."
        )
    _check_form(ROOT, root, "--root", "gs://BUCKET/FOLDER")
    return str(root)


def _check_form(pattern: re.Pattern[str], text: str | None, option: str, form: str) -> None:
    if text and not pattern.fullmatch(text):
        raise InputError(f"{option} {text}: write it as {form}.")


def parameter_values(
    template: Template, target: Target, options: SubmitOptions, root: str
) -> dict[str, Value]:
    """Return the values given with --param, and those that follow from the target."""
    values: dict[str, str | Value] = {}
    for text in options.parameters or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"--param {text}: write it as NAME=VALUE, for example steps=2000.")
        values[name] = value
    implied = {
        "project": target.project,
        "region": target.region,
        "pipeline_root": root,
        "service_account": options.service_account,
        "network": options.network,
    }
    for name, option in TARGET_PARAMETERS.items():
        wanted = implied[name]
        if wanted is None or not template.has(name):
            continue
        if values.get(name, wanted) != wanted:
            raise InputError(
                f"--param {name}={values[name]} contradicts {option} {wanted}. Pass only one."
            )
        values[name] = wanted
    return check_values(template.spec, values)


def disable_cache(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec with the cache disabled for every task."""
    changed = copy.deepcopy(dict(spec))
    for component in (changed["root"], *changed.get("components", {}).values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            if "cachingOptions" in task:
                task["cachingOptions"] = {}
    return changed


def _parse_labels(texts: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not LABEL_KEY.fullmatch(key) or not LABEL_VALUE.fullmatch(value):
            raise InputError(
                f"--label {text}: write it as KEY=VALUE, for example team=nlp. Use lower-case "
                f"letters, digits, - and _, at most 63 each; the key begins with a letter."
            )
        labels[key] = value
    return labels
