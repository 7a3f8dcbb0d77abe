"""The settings of a recipe, validated once when it is loaded."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from components.evaluation_settings import EvaluationSettings
from components.settings import ExportSettings, InstanceSettings, ReportSettings, VocabularySettings
from components.text_settings import TextSettings
from core.settings import LATEST_BLESSED, Settings
from core.storage import absolute
from pipelines.recipe.vertex_settings import VertexSettings
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings

# Objectives of each model type, that of its paper first.
OBJECTIVES = {
    "bert": ("next_sentence", "none", "sentence_order", "contiguous", "sequence_relation"),
    "albert": ("sentence_order", "next_sentence", "none", "contiguous", "sequence_relation"),
    "electra": ("contiguous", "none"),
}
MAX_PORT = 65_535
# Settings that name a folder.
FOLDERS = (("vocabulary", "import_from"), ("model", "start_from"), ("model", "generator_from"))


class BeamSettings(Settings):
    """What runs the data components of `textmill run`; the output does not depend on it."""

    engine: Literal["local", "portable", "dask"] = "local"
    """local: processes on this machine. portable: a job server of Beam, such as Flink's or Spark's.
    dask: a cluster of dask.distributed. Workers elsewhere need Textmill's environment, and the
    workdir and the text under the same paths, or the text on gs://."""
    workers: int = Field(default=1, ge=1, le=1000)
    """Number of processes of the local engine."""
    endpoint: str | None = Field(default=None, pattern=r"^(tcp://|tls://)?[^\s/]+:\d+$")
    """Address of the job server (host:port) or of the Dask scheduler (tcp://host:port)."""
    environment: str | None = Field(
        default=None, pattern=r"^(EXTERNAL:[^\s/]+:\d+|DOCKER:\S+|LOOPBACK)$"
    )
    """What the job server starts workers with (portable only): EXTERNAL:host:port of a worker pool,
    DOCKER:image, or LOOPBACK: in this process, for tests."""

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if self.engine != "local" and not self.endpoint:
            raise ValueError(f"engine {self.engine} needs beam.endpoint, the address of its server")
        if self.engine == "local" and self.endpoint:
            raise ValueError("endpoint is for the engines portable and dask; set beam.engine, too")
        if (self.engine == "portable") != bool(self.environment):
            raise ValueError(
                "environment and the engine portable need each other; set for example "
                "beam.environment=EXTERNAL:localhost:50000"
            )
        if self.engine == "dask" and "://" not in str(self.endpoint):
            raise ValueError(f"endpoint of a Dask scheduler is tcp://{self.endpoint}")
        if self.engine == "portable" and "://" in str(self.endpoint):
            raise ValueError("endpoint of a job server is host:port, without tcp://")
        return self

    @field_validator("endpoint")
    @classmethod
    def _check_port(cls, endpoint: str | None) -> str | None:
        if endpoint and int(endpoint.rpartition(":")[2]) > MAX_PORT:
            raise ValueError(f"a port is at most {MAX_PORT}")
        return endpoint


class CardSettings(Settings):
    """Facts for the model card that the pipeline cannot know."""

    license: str | None = None
    """SPDX identifier of the license that you give the model. None: the card says that none is
    stated."""
    notes: str | None = None
    """A paragraph that describes the text and the purpose of the model."""


class Recipe(Settings):
    """All settings of one pipeline, from text to a published encoder."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    """Name of the recipe and of its pipeline in ML Metadata."""
    description: str = Field(min_length=1)
    """A sentence that says what the recipe trains, and on what."""
    expected: str = Field(min_length=1)
    """Time and results to expect of a run, and where they were measured."""
    seed: int = Field(default=12345, ge=0, le=(1 << 63) - 1)
    """Seed of all random draws (default: BERT's)."""
    text: TextSettings = TextSettings()
    """Reading the text."""
    vocabulary: VocabularySettings = VocabularySettings()
    """Training or importing the vocabulary."""
    instances: InstanceSettings = InstanceSettings()
    """Building instances from documents."""
    masking: MaskingSettings = MaskingSettings()
    """Masking tokens."""
    export: ExportSettings | None = None
    """Also write instances in the format of another system. None: do not."""
    model: ModelSettings = ModelSettings()
    """The encoder."""
    trainer: TrainerSettings = TrainerSettings()
    """The training loop."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """Evaluating and blessing the model."""
    report: ReportSettings = ReportSettings()
    """The corpus report."""
    card: CardSettings = CardSettings()
    """The model card."""
    beam: BeamSettings = BeamSettings()
    """Parallelism on this machine."""
    vertex: VertexSettings | None = None
    """Running on Vertex AI. None: the recipe runs only on this machine."""

    def from_here(self) -> "Recipe":
        """Return the recipe with absolute paths, independent of the current folder."""
        changes: dict[str, Settings] = {}
        for group, key in FOLDERS:
            settings: Settings = changes.get(group, getattr(self, group))
            path: str | None = getattr(settings, key)
            if path not in (None, LATEST_BLESSED):
                changes[group] = settings.model_copy(update={key: absolute(path)})
        if records := self.instances.import_from:
            paths = {"train": absolute(records.train), "eval": absolute(records.eval)}
            update = {"import_from": records.model_copy(update=paths)}
            changes["instances"] = self.instances.model_copy(update=update)
        if self.evaluation.tasks:
            tasks = tuple(task.from_here() for task in self.evaluation.tasks)
            changes["evaluation"] = self.evaluation.model_copy(update={"tasks": tasks})
        if self.text.sources:
            sources = (s.model_copy(update={"path": absolute(s.path)}) for s in self.text.sources)
            changes["text"] = self.text.model_copy(update={"sources": tuple(sources)})
        return self.model_copy(update=changes)

    def instances_by_phase(self) -> list[InstanceSettings]:
        """Return the instance settings of each phase of the training."""
        lengths = (
            {"seq_length": phase.seq_length, "max_predictions": phase.max_predictions}
            for phase in self.trainer.phases
        )
        return [self.instances, *(self.instances.model_copy(update=length) for length in lengths)]

    @model_validator(mode="after")
    def _check_lengths(self) -> "Recipe":
        lengths = {"instances.seq_length": self.instances.seq_length}
        for number, phase in enumerate(self.trainer.phases):
            lengths[f"trainer.phases[{number}].seq_length"] = phase.seq_length
        for name, length in lengths.items():
            if length > self.model.max_position:
                raise ValueError(
                    f"{name} is {length}, but the model has {self.model.max_position} positions. "
                    f"Raise model.max_position or lower {name}."
                )
        if self.trainer.phases and self.instances.import_from:
            raise ValueError(
                "trainer.phases needs instances of several lengths, but instances.import_from "
                "provides one length. Remove one of the two."
            )
        return self

    @model_validator(mode="after")
    def _check_objective(self) -> "Recipe":
        objectives = OBJECTIVES[self.model.type]
        if self.instances.objective not in objectives:
            raise ValueError(
                f"instances.objective is {self.instances.objective}, which {self.model.type} does "
                f"not support. Set instances.objective to {' or '.join(objectives)}."
            )
        if self.instances.segment_types > self.model.type_vocab_size:
            raise ValueError(
                f"instances.segment_types is {self.instances.segment_types}, but the model has "
                f"{self.model.type_vocab_size}. Set model.type_vocab_size to "
                f"{self.instances.segment_types}."
            )
        if self.instances.form == "static" and self.masking.schedule:
            raise ValueError(
                "masking.schedule changes the rate during training, but instances.form is static, "
                "which masks before training. Set instances.form to dynamic, or remove the "
                "schedule."
            )
        return self

    @model_validator(mode="after")
    def _check_spans(self) -> "Recipe":
        with_span = {"{" in source.path: source.name for source in self.text.sources}
        if len(with_span) == 2:
            raise ValueError(
                f"text.sources: the path of {with_span[True]} has a span, that of "
                f"{with_span[False]} has none. Put both into folders of spans, or none."
            )
        return self

    @model_validator(mode="after")
    def _check_tasks(self) -> "Recipe":
        # A folder's architecture is read later; the latest blessed model may not exist yet.
        is_own = self.model.start_from in (None, LATEST_BLESSED)
        for task in self.evaluation.tasks:
            if is_own and task.seq_length > self.model.max_position:
                raise ValueError(
                    f"task {task.name} has a seq_length of {task.seq_length}, but the model has "
                    f"{self.model.max_position} positions. Lower it, or raise model.max_position."
                )
        names = {task.name for task in self.evaluation.tasks}
        if unknown := sorted(set(self.trainer.evaluate_tasks) - names):
            raise ValueError(
                f"trainer.evaluate_tasks names {unknown[0]}, but evaluation.tasks has "
                f"{', '.join(sorted(names)) or 'no task'}. Correct the name, or add the task."
            )
        return self

    @model_validator(mode="after")
    def _check_training(self) -> "Recipe":
        if self.model.start_from == LATEST_BLESSED and self.vocabulary.import_from is None:
            raise ValueError(
                "model.start_from is latest_blessed, but a vocabulary that is trained on the "
                "current text would not fit its weights. Set vocabulary.import_from: "
                "latest_blessed."
            )
        if self.trainer.warmup_steps >= self.trainer.steps and not self.trainer.budget:
            raise ValueError(
                f"trainer.warmup_steps is {self.trainer.warmup_steps} of {self.trainer.steps}, "
                f"so the learning rate would never decrease. Lower trainer.warmup_steps."
            )
        return self
