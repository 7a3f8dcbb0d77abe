"""A task ends its own jobs and no others, and says what it cannot do before it sends a job."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from components.tfx_internals import dataflow_runner
from components.tfx_internals.dataflow_runner import DataflowError, DataflowRunner, TaskJobs
from core.errors import StorageError
from tests.dataflow.server import CANCELLED, RUNNING, DataflowService, dataflow_service


@pytest.fixture
def service() -> Iterator[DataflowService]:
    with dataflow_service() as service:
        service.held = 10
        yield service


def options(service: DataflowService, **others: Any) -> PipelineOptions:
    return PipelineOptions(
        project="p",
        region="r",
        job_name="demo-textexamplegen-1",
        dataflow_endpoint=service.endpoint,
        no_auth=True,
        sdk_container_image="image",
        sdk_location="container",
        **others,
    )


def test_only_the_active_jobs_of_the_task_are_cancelled(service: DataflowService) -> None:
    for name in ("demo-textexamplegen-1-aa", "demo-textexamplegen-11-aa", "demo-instancegen-1-aa"):
        service.create({"name": name})
    jobs = TaskJobs(options(service).view_as(GoogleCloudOptions))
    jobs.cancel()
    jobs.wait_until_ended()
    assert [job.state for job in service.jobs] == [CANCELLED, RUNNING, RUNNING]


def test_a_job_that_does_not_end_is_an_error_with_its_name(
    service: DataflowService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.create({"name": "demo-textexamplegen-1-aa"})
    monkeypatch.setattr(dataflow_runner, "CANCEL_SECONDS", 0)
    with pytest.raises(DataflowError, match="gcloud dataflow jobs cancel job-0 --force"):
        TaskJobs(options(service).view_as(GoogleCloudOptions)).wait_until_ended()


def test_a_service_that_cannot_be_reached_is_an_error(
    service: DataflowService, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = options(service).view_as(GoogleCloudOptions)
    cloud.dataflow_endpoint = "http://localhost:1"
    monkeypatch.setattr(dataflow_runner, "RETRIES", 0)
    with pytest.raises(DataflowError, match=r"Check the network, and .* roles/dataflow\.admin"):
        TaskJobs(cloud).cancel()


def test_a_folder_that_cannot_be_written_is_refused_before_a_job_is_sent(
    service: DataflowService, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    pipeline = beam.Pipeline(
        runner=DataflowRunner(), options=options(service, temp_location=str(tmp_path / "file/x"))
    )
    _ = pipeline | beam.Create([1])
    with pytest.raises(StorageError, match="folder for temporary files cannot be used"):
        pipeline.run()
    assert not service.jobs
