"""Settings for running a recipe on Vertex AI or Kubeflow. They contain no secrets."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from components.vertex_trainer.settings import LaunchSettings
from core.settings import Settings

Image = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$")]
# Placeholder digest of the shipped recipe, whose images are not built yet.
MAX_HOURS = 167  # of a training and its waiting: 7 days, less the launcher's own time
NO_DIGEST = "sha256:" + 64 * "0"


class Images(Settings):
    """Container images by digest, because a tag may point to another image tomorrow."""

    data: Image
    """Image of all tasks except the training."""
    trainer: Image
    """Image of the training: target cpu, gpu or tpu of docker/Dockerfile, as the machine needs."""
    dataflow: Image | None = None
    """Image of Dataflow's workers; required together with `vertex.dataflow`."""


class TrainingJobSettings(LaunchSettings):
    """The custom job that runs the training."""

    machine: str = "a100"
    """Name of a machine (`textmill machines` lists them). Default: one A100."""
    spot: bool = False
    """Use a spot machine, which is cheaper but can be preempted; training then resumes."""
    flex_start: bool = False
    """Queue for a machine of the Dynamic Workload Scheduler, for at most `max_wait_hours`; once
    started, it is not preempted. GPUs only."""
    reservation: str | None = Field(
        default=None, pattern=r"^projects/[^/]+/zones/[a-z0-9-]+/reservations/[a-z0-9-]+$"
    )
    """Use this reservation: projects/PROJECT/zones/ZONE/reservations/NAME. None: none."""
    persistent_resource: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9-]{0,62}$")
    """ID of a persistent resource with machines of this kind, to train on. None: none."""
    tensorboard: str | None = Field(
        default=None, pattern=r"^projects/[^/]+/locations/[a-z0-9-]+/tensorboards/\d+$"
    )
    """Vertex AI TensorBoard that shows the curves while training runs:
    projects/PROJECT/locations/REGION/tensorboards/ID. It needs a service account. None: none."""
    web_access: bool = False
    """Allow an interactive shell in the training's container, from the job's page."""
    timeout_hours: float = Field(default=24.0, gt=0)
    """Running hours after which the job is stopped; with `max_wait_hours`, less than 7 days."""
    disk_gb: int = Field(default=100, ge=100, le=64_000)
    """Size of the boot disk in GB; TPUs ignore it."""

    def launch(self) -> LaunchSettings:
        """Return the part that the task that starts the job needs."""
        return LaunchSettings(
            max_wait_hours=self.max_wait_hours, outage_minutes=self.outage_minutes
        )

    @model_validator(mode="after")
    def _check_limit(self) -> Self:
        # The task that waits for the job is a custom job itself, and those end after 7 days
        # ("The maximum job running time. The default is 7 days": aiplatform_v1's Scheduling).
        ways = {
            "spot": self.spot,
            "flex_start": self.flex_start,
            "reservation": self.reservation,
            "persistent_resource": self.persistent_resource,
        }
        if len(chosen := [name for name, value in ways.items() if value]) > 1:
            raise ValueError(
                f"{' and '.join(chosen)} are set, which are different ways to get a machine. "
                f"Choose one."
            )
        hours = self.timeout_hours + self.max_wait_hours
        if hours > MAX_HOURS:
            raise ValueError(
                f"timeout_hours and max_wait_hours are {hours:g} hours together. Vertex AI ends "
                f"the task that waits for the job after 7 days; set at most {MAX_HOURS} together."
            )
        return self


class DataflowSettings(Settings):
    """Workers on Dataflow for the large data components, instead of their own containers."""

    max_workers: int = Field(default=20, ge=1, le=1000)
    """Maximum number of workers."""
    machine_type: str = "n2-standard-4"
    """Compute Engine machine type of a worker."""
    network: str | None = None
    """Name of the VPC network in the project. None: the default network."""
    subnetwork: str | None = None
    """Subnetwork as regions/REGION/subnetworks/NAME. None: that of the network."""
    public_ips: bool = True
    """Give workers public IP addresses; without, the subnetwork needs Private Google Access."""
    service_account: str | None = None
    """Service account of the workers. None: the project's default."""


class TaskResources(Settings):
    """Resources of one task's container."""

    cpu: int = Field(default=4, ge=1, le=96)
    """Number of CPU cores."""
    memory_gb: int = Field(default=16, ge=1, le=624)
    """Memory in GB."""
    timeout_minutes: int = Field(default=360, ge=1, le=10_000)
    """Minutes after which the task fails."""


class Retries(Settings):
    """Retries of failed tasks, with exponential backoff."""

    max_retries: int = Field(default=2, ge=0, le=10)
    """Maximum number of retries per task."""
    backoff_seconds: int = Field(default=60, ge=0, le=86_400)
    """Seconds before the first retry."""
    backoff_factor: float = Field(default=2.0, ge=1, le=100)
    """Factor by which the delay grows with each retry."""
    backoff_max_seconds: int = Field(default=3600, ge=0, le=86_400)
    """Longest delay in seconds."""


class Notifications(Settings):
    """Where to report how a run ended: failed, nothing published and why, or published."""

    topic: str | None = Field(default=None, pattern=r"^projects/[^/]+/topics/[^/]+$")
    """Pub/Sub topic: projects/PROJECT/topics/NAME. None: none."""
    webhook_secret: str | None = Field(
        default=None, pattern=r"^projects/[^/]+/secrets/[^/]+/versions/[^/]+$"
    )
    """Secret that holds the address of a webhook, for example of a chat:
    projects/PROJECT/secrets/NAME/versions/latest. None: none."""


class VertexSettings(Settings):
    """Running on Vertex AI. Project, region and folders may also be given at submission."""

    platform: Literal["vertex", "kubeflow"] = "vertex"
    """Vertex AI, or your own Kubeflow Pipelines, which trains in the container of its task and
    does not compare the model with earlier ones."""
    images: Images
    """Container images."""
    project: str | None = None
    """Project ID. None: given at submission."""
    region: str | None = None
    """Region of pipeline, training and Dataflow. None: given at submission."""
    service_account: str | None = None
    """Service account of tasks and training. None: the project's default."""
    network: str | None = None
    """Peered network, as projects/NUMBER/global/networks/NAME, for private access."""
    reserved_ip_ranges: list[str] = Field(default_factory=list)
    """Names of IP ranges reserved in `network` for pipeline and training. Default: any."""
    network_attachment: str | None = Field(
        default=None, pattern=r"^projects/[^/]+/regions/[a-z0-9-]+/networkAttachments/[a-z0-9-]+$"
    )
    """Network attachment of a Private Service Connect interface, instead of `network`:
    projects/PROJECT/regions/REGION/networkAttachments/NAME. None: none."""
    kms_key: str | None = Field(
        default=None,
        pattern=r"^projects/[^/]+/locations/[a-z0-9-]+/keyRings/[^/]+/cryptoKeys/[^/]+$",
    )
    """Your own key (CMEK) for pipeline and training, in their region:
    projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY. None: Google's."""
    pipeline_root: str | None = Field(default=None, pattern=r"^gs://[^/]+.*[^/]$")
    """gs:// folder of artifacts, checkpoints and published models. None: given at submission."""
    text_root: str | None = Field(default=None, pattern=r"^gs://[^/]+.*[^/]$")
    """gs:// folder that contains all text. None: given at submission."""
    text_pattern: str = "**"
    """Comma-separated globs below `text_root`; one with {SPAN} stands alone. Default: all files."""
    training: TrainingJobSettings = TrainingJobSettings()
    """The training job."""
    dataflow: DataflowSettings | None = None
    """Workers on Dataflow. None: each data component runs in its own container."""
    default_resources: TaskResources = TaskResources()
    """Resources of tasks that `resources` does not list."""
    resources: dict[str, TaskResources] = Field(default_factory=dict)
    """Resources by name of task."""
    model_registry: bool = False
    """Also register each published model in Vertex AI's Model Registry, as a version of the model
    textmill-RECIPE with the aliases blessed and latest."""
    notify: Notifications = Notifications()
    """Messages about the end of each run."""
    retries: Retries = Retries()
    """Retries of failed tasks."""

    @model_validator(mode="after")
    def _check_network(self) -> Self:
        if self.network_attachment and (self.network or self.reserved_ip_ranges):
            raise ValueError(
                "network_attachment is set together with network or reserved_ip_ranges. Private "
                "Service Connect replaces the peered network; set only one of them."
            )
        return self

    @model_validator(mode="after")
    def _check_dataflow_image(self) -> Self:
        if self.dataflow and not self.images.dataflow:
            raise ValueError(
                "dataflow is set, but images.dataflow is not. Set it to the image of target "
                "dataflow of docker/Dockerfile, by digest."
            )
        return self
