"""What a run's tasks wrote, from Cloud Logging's REST; google-cloud-logging is not needed."""

import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console

from core.errors import InputError
from pipelines.cloud.client import Cloud
from pipelines.cloud.target import Target
from pipelines.vertex.runs.job_request import LABEL
from pipelines.vertex.runs.watch import leaf_tasks, run_id, safe

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

SEVERITIES = ("DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
PAGE = 1000
TRAINER = "Trainer"
STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "ALERT": "red"}


def log_filter(
    cloud: Cloud, job: "v1.PipelineJob", *, task: str | None, severity: str | None
) -> str:
    """The filter that finds a run's entries in Cloud Logging.

    A task's container is a custom job of its own, and so is the training that the Trainer starts:
    both write as `ml_job` under their number. What the service says of the run as a whole is a
    `PipelineJob`'s.

    Raises:
        InputError: no such task, or no such severity.
    """
    jobs = {t.task_name: _number(t) for t in leaf_tasks(job)}
    if task is not None and task not in jobs:
        raise InputError(f"--task {task}: none of {', '.join(jobs) or 'those that began (none)'}.")
    if severity is not None and severity.upper() not in SEVERITIES:
        raise InputError(f"--severity {severity}: none of {', '.join(SEVERITIES)}.")
    wanted = [number for name, number in jobs.items() if number and task in (None, name)]
    if task in (None, TRAINER):
        wanted += training_jobs(cloud, job)
    parts = []
    if wanted:
        either = " OR ".join(f'"{number}"' for number in dict.fromkeys(wanted))
        parts.append(f'(resource.type="ml_job" AND resource.labels.job_id=({either}))')
    if task is None:
        parts.append(
            f'(resource.type="aiplatform.googleapis.com/PipelineJob" AND '
            f'resource.labels.pipeline_job_id="{run_id(job)}")'
        )
    if not parts:
        raise InputError(f"--task {task}: it ran in no container, so there is no log of it.")
    began = f'timestamp>="{job.create_time:%Y-%m-%dT%H:%M:%SZ}"'
    least = [f"severity>={severity.upper()}"] if severity else []
    return " AND ".join([f"({' OR '.join(parts)})", began, *least])


def _number(task: "v1.PipelineTaskDetail") -> str:
    """The number of the custom job that ran the task's container; empty if none did."""
    name = task.executor_detail.container_detail.main_job
    return str(name).rsplit("/", maxsplit=1)[-1]


def training_jobs(cloud: Cloud, job: "v1.PipelineJob") -> list[str]:
    """The numbers of the training jobs that the run's Trainer started.

    Vertex AI does not tie a custom job to the run whose task started it; the label and the time
    do.
    """
    from google.cloud import aiplatform_v1 as v1

    trainers = [t for t in leaf_tasks(job) if t.task_name == TRAINER and t.start_time]
    if not trainers:
        return []
    begin = trainers[0].start_time
    end = trainers[0].end_time
    request = v1.ListCustomJobsRequest(
        parent=cloud.target.parent,
        filter=f'labels.{LABEL}="{job.labels.get(LABEL, job.display_name)}" AND '
        f'create_time>="{begin:%Y-%m-%dT%H:%M:%SZ}"',
    )
    found = cloud.call(
        "find the training job", lambda: list(cloud.jobs.list_custom_jobs(request=request))
    )
    last = end + timedelta(minutes=1) if end else None
    return [
        str(custom.name).rsplit("/", maxsplit=1)[-1]
        for custom in found
        if last is None or custom.create_time <= last
    ]


def read_entries(cloud: Cloud, expression: str, most: int) -> list[Mapping[str, Any]]:
    """The newest entries, oldest first.

    Raises:
        VertexError: they may not be read.
    """
    entries: list[Mapping[str, Any]] = []
    token = ""
    while len(entries) < most:
        answer = cloud.ask(
            "read the logs",
            "logging",
            "/v2/entries:list",
            body={
                "resourceNames": [f"projects/{cloud.target.project}"],
                "filter": expression,
                "orderBy": "timestamp desc",
                "pageSize": min(PAGE, most - len(entries)),
                **({"pageToken": token} if token else {}),
            },
        )
        entries += answer.get("entries", [])
        token = answer.get("nextPageToken", "")
        if not token:
            break
    return entries[:most][::-1]


def print_entries(entries: Sequence[Mapping[str, Any]], out: Console, err: Console) -> None:
    """A line for each entry: time, severity, words."""
    for entry in entries:
        severity = str(entry.get("severity", "DEFAULT"))
        time = re.sub(r"T(\d\d:\d\d:\d\d).*", r" \1", str(entry.get("timestamp", "")))
        style = STYLES.get(severity, "default")
        out.print(
            f"[dim]{safe(time)}[/] [{style}]{safe(severity):<8}[/] {safe(_words(entry))}",
            soft_wrap=True,
        )
    if not entries:
        err.print("No entries (yet). A task's first lines come a minute or two after it began.")


def _words(entry: Mapping[str, Any]) -> str:
    """The text of an entry, in whichever of the three forms it came."""
    payload = entry.get("jsonPayload") or entry.get("protoPayload") or {}
    return str(entry.get("textPayload") or payload.get("message") or payload or "").rstrip()


def gcloud_command(target: Target, expression: str, most: int) -> str:
    """The command that reads the same entries."""
    words = [
        "gcloud", "logging", "read", expression, f"--project={target.project}",
        f"--limit={most}", "--order=desc",
        "--format=value(timestamp,severity,textPayload,jsonPayload.message)",
    ]  # fmt: skip
    return shlex.join(words)
