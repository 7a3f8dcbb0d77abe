"""Find training jobs, and compute what they have cost and may still cost."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from components.vertex_trainer.settings import PIPELINE_JOB_LABEL
from pipelines.cloud.client import Cloud
from pipelines.cloud.target import CONSOLE
from pipelines.machines.presets import PriceError, Prices, machine_price
from pipelines.vertex.runs.describe import short_id
from pipelines.vertex.runs.pipeline_job import RECIPE_LABEL

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1


@dataclass(frozen=True, kw_only=True)
class TrainingCost:
    """Hours and list price of a run's training; the other tasks cost a fraction of it."""

    machine: str  # for example "2 x a2-highgpu-8g, spot"
    dollars_per_hour: float | None  # None: the table has no price
    hours: float  # of running, so far
    expected_hours: float | None  # of the latest training that succeeded with the same recipe
    limit_hours: float  # after which the job is stopped
    links: dict[str, str]  # by name: the job's page, live curves, and shells while it runs

    def describe(self) -> str:
        """Return one line for a terminal."""
        expected = [] if self.expected_hours is None else [("expected", self.expected_hours)]
        parts = [("so far", self.hours), *expected, ("at most", self.limit_hours)]
        return f"{self.machine}: " + "; ".join(
            f"{self._format(hours)} {name}" for name, hours in parts
        )

    def _format(self, hours: float) -> str:
        price = self.dollars_per_hour
        return f"{hours:.1f} h" + (f", {hours * price:,.2f} USD" if price is not None else "")


@dataclass(frozen=True, kw_only=True)
class LabelCost:
    """What the trainings with one value of a label have cost so far."""

    value: str  # "" for those without the label
    trainings: int
    hours: float
    dollars: float | None  # None: the table has no price of one of their machines


def costs_by_label(cloud: Cloud, label: str, days: int, prices: Prices) -> list[LabelCost]:
    """Return what the trainings of the last days have cost, by the values of a label."""
    since = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    by_value: dict[str, list[v1.CustomJob]] = defaultdict(list)
    for job in _list_jobs(cloud, f'labels.{RECIPE_LABEL}:* AND create_time>"{since}"'):
        if job.job_spec.worker_pool_specs:
            by_value[job.labels.get(label, "")].append(job)
    return [_sum_costs(value, jobs, prices) for value, jobs in sorted(by_value.items())]


def _sum_costs(value: str, jobs: "Sequence[v1.CustomJob]", prices: Prices) -> LabelCost:
    hours = [_hours(job) for job in jobs]
    rates = [_price(job, prices) for job in jobs]
    known = [h * rate for h, rate in zip(hours, rates, strict=True) if rate is not None]
    return LabelCost(
        value=value,
        trainings=len(jobs),
        hours=sum(hours),
        dollars=sum(known) if len(known) == len(jobs) else None,
    )


def find_training_jobs(cloud: Cloud, job: "v1.PipelineJob") -> list["v1.CustomJob"]:
    """Return the training jobs that a run's Trainer started, oldest first.

    Vertex AI does not link a custom job to the run that started it, so this goes by the label.
    """
    return _list_jobs(cloud, f'labels.{PIPELINE_JOB_LABEL}="{short_id(job.name)[:63]}"')


def training_cost(cloud: Cloud, job: "v1.PipelineJob", prices: Prices) -> TrainingCost | None:
    """Return what the training of a run costs; None if it has not started a job."""
    jobs = [each for each in find_training_jobs(cloud, job) if each.job_spec.worker_pool_specs]
    if not jobs:
        return None
    last, spec = jobs[-1], jobs[-1].job_spec
    recipe = job.labels.get(RECIPE_LABEL, job.display_name)
    same = _list_jobs(cloud, f'labels.{RECIPE_LABEL}="{recipe}" AND state="JOB_STATE_SUCCEEDED"')
    earlier = [each for each in same if each.name != last.name]
    machine, hosts = _machine(last)
    return TrainingCost(
        machine=f"{f'{hosts} x ' if hosts > 1 else ''}{machine.machine_type}"
        f"{', spot' if _is_spot(last) else ''}",
        dollars_per_hour=_price(last, prices),
        hours=sum(_hours(each) for each in jobs),
        expected_hours=_hours(earlier[-1]) if earlier else None,
        limit_hours=spec.scheduling.timeout.total_seconds() / 3600,
        links=_links(last),
    )


def _links(job: "v1.CustomJob") -> dict[str, str]:
    """Return addresses of a job: its page, its curves (the form of Google's client), its shells."""
    _, project, _, region, _, number = job.name.split("/")
    page = f"{CONSOLE}/vertex-ai/locations/{region}/training/{number}?project={project}"
    links = {"job": page}
    if board := job.job_spec.tensorboard:
        experiment = f"{board}/experiments/{number}".replace("/", "+")
        host = f"https://{region}.tensorboard.googleusercontent.com"
        links["curves"] = f"{host}/experiment/{experiment}"
    if shells := [uri for _, uri in sorted(job.web_access_uris.items())]:
        links["shell"] = ", ".join(shells)
    return links


def _list_jobs(cloud: Cloud, expression: str) -> list["v1.CustomJob"]:
    from google.cloud import aiplatform_v1 as v1

    request = v1.ListCustomJobsRequest(parent=cloud.target.parent, filter=expression)
    jobs = cloud.call(
        "find the training job", lambda: list(cloud.jobs.list_custom_jobs(request=request))
    )
    return sorted(jobs, key=lambda each: each.create_time)


def _hours(job: "v1.CustomJob") -> float:
    if not job.start_time:
        return 0.0
    end = job.end_time or datetime.now(UTC)
    return max(0.0, (end - job.start_time).total_seconds() / 3600)


def _machine(job: "v1.CustomJob") -> "tuple[v1.MachineSpec, int]":
    """Return the machine of a job's hosts, and their number."""
    pools = [pool for pool in job.job_spec.worker_pool_specs if pool.replica_count]
    return pools[0].machine_spec, sum(pool.replica_count for pool in pools)


def _is_spot(job: "v1.CustomJob") -> bool:
    return bool(job.job_spec.scheduling.strategy.name == "SPOT")


def _price(job: "v1.CustomJob", prices: Prices) -> float | None:
    """Return the price of a job's machines per hour; None if the table has none."""
    machine, hosts = _machine(job)
    accelerator = machine.accelerator_type.name if machine.accelerator_type else None
    try:
        per_host = machine_price(machine.machine_type, accelerator, prices, spot=_is_spot(job))
    except PriceError:
        return None
    return hosts * per_host
