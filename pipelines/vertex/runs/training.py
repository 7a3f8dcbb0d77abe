"""Find the training jobs of a run, and compute what they have cost and may still cost."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from components.vertex_trainer.settings import PIPELINE_JOB_LABEL
from pipelines.cloud.client import Cloud
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
    spec = jobs[-1].job_spec
    recipe = job.labels.get(RECIPE_LABEL, job.display_name)
    same = _list_jobs(cloud, f'labels.{RECIPE_LABEL}="{recipe}" AND state="JOB_STATE_SUCCEEDED"')
    earlier = [each for each in same if each.name != jobs[-1].name]
    spot = spec.scheduling.strategy.name == "SPOT"
    pools = [pool for pool in spec.worker_pool_specs if pool.replica_count]
    hosts = sum(pool.replica_count for pool in pools)
    machine = pools[0].machine_spec
    return TrainingCost(
        machine=f"{f'{hosts} x ' if hosts > 1 else ''}{machine.machine_type}"
        f"{', spot' if spot else ''}",
        dollars_per_hour=_price(machine, hosts, prices, spot=spot),
        hours=sum(_hours(each) for each in jobs),
        expected_hours=_hours(earlier[-1]) if earlier else None,
        limit_hours=spec.scheduling.timeout.total_seconds() / 3600,
    )


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


def _price(machine: "v1.MachineSpec", hosts: int, prices: Prices, *, spot: bool) -> float | None:
    accelerator = machine.accelerator_type.name if machine.accelerator_type else None
    try:
        return hosts * machine_price(machine.machine_type, accelerator, prices, spot=spot)
    except PriceError:
        return None
