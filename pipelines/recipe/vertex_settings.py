"""How a recipe runs on Vertex AI: images, machines, resources, retries. No secret belongs here."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator
from typing_extensions import Self

from core.settings import Settings

Image = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$")]
# In the shipped recipe: no image was built yet. What is to be submitted has to name real ones.
NO_DIGEST = "sha256:" + 64 * "0"


class Images(Settings):
    """Containers, each by its digest: a tag may be another image tomorrow."""

    data: Image  # of every task but the training itself
    trainer: Image  # of the training; docker/'s target cpu, gpu or tpu, as the machine wants
    dataflow: Image | None = None  # of Dataflow's workers; needed with dataflow


class TrainingJob(Settings):
    """The custom job that trains."""

    machine: str = "a100"  # a preset of pipelines/machines/presets.yaml
    spot: bool = False  # cheaper, may be stopped at any time; training goes on where it was saved
    timeout_hours: float = Field(default=24.0, gt=0)  # the job is stopped after so long
    disk_gb: int = Field(default=100, ge=100)  # boot disk; a TPU's is as it comes


class DataflowSettings(Settings):
    """Where the data components' work is done, if not in their own container."""

    max_workers: int = Field(default=20, ge=1)
    machine_type: str = "n2-standard-4"  # of a worker
    network: str | None = None  # its name, in the project
    subnetwork: str | None = None  # regions/<region>/subnetworks/<name>
    public_ips: bool = True  # of the workers; without, the subnetwork needs private Google access
    service_account: str | None = None  # of the workers; None: the project's default


class TaskResources(Settings):
    """What one task's container gets."""

    cpu: int = Field(default=4, ge=1, le=96)  # cores
    memory_gb: int = Field(default=16, ge=1, le=624)
    timeout_minutes: int = Field(default=360, ge=1)  # after which it counts as failed


class Retries(Settings):
    """How often a failed task is tried again, and when."""

    max_retries: int = Field(default=2, ge=0, le=10)
    backoff_seconds: int = Field(default=60, ge=0)  # before the first
    backoff_factor: float = Field(default=2.0, ge=1)  # of each to the one before
    backoff_max_seconds: int = Field(default=3600, ge=0)


class VertexSettings(Settings):
    """A recipe's part for Vertex AI. Project, region and places may be left to the submission."""

    # kubeflow: Kubeflow Pipelines of one's own, which looks up no earlier models and starts no
    # custom jobs: the model is compared with none, and is trained in its task's container
    platform: Literal["vertex", "kubeflow"] = "vertex"
    images: Images
    project: str | None = None  # id
    region: str | None = None  # of pipeline, training and Dataflow
    service_account: str | None = (
        None  # that tasks and training run as; None: the project's default
    )
    network: str | None = None  # projects/<number>/global/networks/<name>, for private access
    pipeline_root: str | None = Field(default=None, pattern=r"^gs://[^/]+.*[^/]$")
    text_root: str | None = Field(default=None, pattern=r"^gs://[^/]+.*[^/]$")
    text_pattern: str = "**"  # under text_root; may hold {SPAN}
    training: TrainingJob = TrainingJob()
    dataflow: DataflowSettings | None = None  # None: the data components work in their containers
    default_resources: TaskResources = TaskResources()
    # by task; others have default_resources
    resources: dict[str, TaskResources] = Field(default_factory=dict)
    retries: Retries = Retries()

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.dataflow and not self.images.dataflow:
            raise ValueError(
                "dataflow is set and images.dataflow is not. Name the image of docker/'s target "
                "dataflow, by digest."
            )
        return self
