"""Read the logs of a run from Cloud Logging."""

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from rich.console import Console

from core.errors import InputError
from pipelines.cloud.client import Cloud
from pipelines.cloud.target import Target
from pipelines.metadata.names import TRAINER
from pipelines.vertex.runs.describe import leaf_tasks, safe, short_id
from pipelines.vertex.runs.training import find_training_jobs

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

SEVERITIES = ("DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
PAGE_SIZE = 1000
STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "ALERT": "red"}


def log_filter(
    cloud: Cloud, job: "v1.PipelineJob", *, task: str | None, severity: str | None
) -> str:
    """Return the filter expression that selects the log entries of a run.

    The container of a task is a custom job, and so is the training that the Trainer starts. Both
    log as resource type `ml_job` with the number of the custom job. Messages of the service about
    the whole run have the resource type `PipelineJob`.

    Args:
        cloud: client of the project and region.
        job: the run.
        task: only this task; None selects all.
        severity: lowest severity, for example "WARNING"; None selects all.

    Raises:
        InputError: there is no such task or severity, or the task has no log.
    """
    custom_jobs = {task.task_name: _container_jobs(task) for task in leaf_tasks(job)}
    if task is not None and task not in custom_jobs:
        started = ", ".join(custom_jobs) or "no task has started"
        raise InputError(f"--task {task}: not one of the started tasks ({started}).")
    if severity is not None and severity.upper() not in SEVERITIES:
        raise InputError(f"--severity {severity}: not one of {', '.join(SEVERITIES)}.")
    chosen = [jobs for name, jobs in custom_jobs.items() if task in (None, name)]
    numbers = [number for jobs in chosen for number in jobs]
    if task in (None, TRAINER):
        numbers += [short_id(training.name) for training in find_training_jobs(cloud, job)]
    sources = []
    if numbers:
        either = " OR ".join(f'"{number}"' for number in dict.fromkeys(numbers))
        sources.append(f'(resource.type="ml_job" AND resource.labels.job_id=({either}))')
    if task is None:
        sources.append(
            f'(resource.type="aiplatform.googleapis.com/PipelineJob" AND '
            f'resource.labels.pipeline_job_id="{short_id(job.name)}")'
        )
    if not sources:
        raise InputError(f"--task {task}: it did not run in a container, so it has no log.")
    since = f'timestamp>="{job.create_time:%Y-%m-%dT%H:%M:%SZ}"'
    lowest = [f"severity>={severity.upper()}"] if severity else []
    return " AND ".join([f"({' OR '.join(sources)})", since, *lowest])


def _container_jobs(task: "v1.PipelineTaskDetail") -> list[str]:
    """Return the numbers of the custom jobs of a task: its driver, its container, earlier tries."""
    detail = task.executor_detail.container_detail
    names = [
        *detail.failed_pre_caching_check_jobs,
        detail.pre_caching_check_job,  # TextExampleGen's driver, which reads the text
        *detail.failed_main_jobs,
        detail.main_job,
    ]
    return [short_id(name) for name in names if name]


def read_entries(cloud: Cloud, expression: str, limit: int) -> list[Mapping[str, Any]]:
    """Read the newest log entries that match a filter expression, in order of time."""
    body = {
        "resourceNames": [f"projects/{cloud.target.project}"],
        "filter": expression,
        "orderBy": "timestamp desc",
        "pageSize": min(PAGE_SIZE, limit),
    }
    pages = cloud.list_pages("read the logs", "logging", "/v2/entries:list", "entries", body=body)
    return list(islice(chain.from_iterable(pages), limit))[::-1]


def print_entries(entries: Sequence[Mapping[str, Any]], out: Console, err: Console) -> None:
    """Print one line per entry: time, severity and message."""
    for entry in entries:
        severity = str(entry.get("severity", "DEFAULT"))
        time = re.sub(r"T(\d\d:\d\d:\d\d).*", r" \1", str(entry.get("timestamp", "")))
        style = STYLES.get(severity, "default")
        out.print(
            f"[dim]{safe(time)}[/] [{style}]{safe(severity):<8}[/] {safe(_entry_message(entry))}",
            soft_wrap=True,
        )
    if not entries:
        err.print("No log entries yet. They appear a minute or two after a task starts.")


def _entry_message(entry: Mapping[str, Any]) -> str:
    """Return the message of an entry, which has one of three forms."""
    payload = entry.get("jsonPayload") or entry.get("protoPayload") or {}
    return str(entry.get("textPayload") or payload.get("message") or payload or "").rstrip()


def gcloud_command(target: Target, expression: str, limit: int) -> str:
    """Return the gcloud command that reads the same entries."""
    return shlex.join(
        [
            "gcloud",
            "logging",
            "read",
            expression,
            f"--project={target.project}",
            f"--limit={limit}",
            "--order=desc",
            "--format=value(timestamp,severity,textPayload,jsonPayload.message)",
        ]
    )
