"""Settings for starting the training's custom job and waiting for it."""

from pydantic import Field

from core.settings import Settings

PIPELINE_JOB_LABEL = "textmill_pipeline_job"  # on a training job: the pipeline job that started it


class LaunchSettings(Settings):
    """How long the Trainer's task waits."""

    max_wait_hours: float = Field(default=24.0, gt=0)
    """Hours that the job may wait for a machine, before and apart from its running time."""
    outage_minutes: float = Field(default=30.0, ge=0, le=1440)
    """Minutes without an answer of Vertex AI after which the task gives up; the job continues."""
