"""A recipe: every setting of one pipeline, checked once, at the border."""

from pathlib import Path

from pydantic import Field, model_validator

from components.settings import (
    EvaluationSettings,
    ExportSettings,
    InstanceSettings,
    ReportSettings,
    TextSettings,
    VocabularySettings,
)
from core.settings import LATEST_BLESSED, Settings
from core.storage import is_remote
from pipelines.recipe.vertex_settings import VertexSettings
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings

# What a type of model can learn from, its paper's own objective first.
OBJECTIVES = {
    "bert": ("next_sentence", "none", "sentence_order", "contiguous", "sequence_relation"),
    "albert": ("sentence_order", "next_sentence", "none", "contiguous", "sequence_relation"),
    "electra": ("contiguous", "none"),
}


# Settings that name a folder.
FOLDERS = (("vocabulary", "import_from"), ("model", "start_from"), ("model", "generator_from"))


class BeamSettings(Settings):
    """How the data components spread over processes on this machine."""

    workers: int = Field(default=1, ge=1)  # processes; the bytes written do not depend on it


class CardSettings(Settings):
    """What the model card says that the pipeline cannot know."""

    license: str | None = None  # SPDX name of the licence you give the model
    notes: str | None = None  # a paragraph on what the text is and what the model is for


class Recipe(Settings):
    """One pipeline from text to a published encoder."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")  # also the pipeline's name in ML Metadata
    description: str = Field(min_length=1)  # a sentence: what the recipe makes, of what
    expected: str = Field(min_length=1)  # what a run costs and gives, and where that was measured
    seed: int = Field(default=12345, ge=0)  # of every draw; BERT's default
    text: TextSettings = TextSettings()
    vocabulary: VocabularySettings = VocabularySettings()
    instances: InstanceSettings = InstanceSettings()
    masking: MaskingSettings = MaskingSettings()
    export: ExportSettings | None = None  # instances for another system too; None: only ours
    model: ModelSettings = ModelSettings()
    trainer: TrainerSettings = TrainerSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    report: ReportSettings = ReportSettings()
    card: CardSettings = CardSettings()
    beam: BeamSettings = BeamSettings()
    vertex: VertexSettings | None = None  # None: the recipe runs here only

    def from_here(self) -> "Recipe":
        """The recipe with absolute paths, so that it means the same from any folder."""
        changes: dict[str, Settings] = {}
        for group, key in FOLDERS:
            settings: Settings = changes.get(group, getattr(self, group))
            path: str | None = getattr(settings, key)
            if path not in (None, LATEST_BLESSED):
                changes[group] = settings.model_copy(update={key: _absolute(path)})
        if records := self.instances.import_from:
            paths = {"train": _absolute(records.train), "eval": _absolute(records.eval)}
            here = {"import_from": records.model_copy(update=paths)}
            changes["instances"] = self.instances.model_copy(update=here)
        return self.model_copy(update=changes)

    def instances_by_phase(self) -> list[InstanceSettings]:
        """How the text is cut for each phase of the training."""
        later = (
            {"seq_length": phase.seq_length, "max_predictions": phase.max_predictions}
            for phase in self.trainer.phases
        )
        return [self.instances, *(self.instances.model_copy(update=length) for length in later)]

    @model_validator(mode="after")
    def _parts_agree(self) -> "Recipe":
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
                "trainer.phases cuts the text again at another length, and "
                "instances.import_from brings instances of one length. Remove one of the two."
            )
        objectives = OBJECTIVES[self.model.type]
        if self.instances.objective not in objectives:
            raise ValueError(
                f"instances.objective is {self.instances.objective}, which {self.model.type} does "
                f"not learn from. Set instances.objective to {' or '.join(objectives)}."
            )
        if self.instances.segment_types > self.model.type_vocab_size:
            raise ValueError(
                f"instances.segment_types is {self.instances.segment_types}, and the model has "
                f"{self.model.type_vocab_size}. Set model.type_vocab_size to "
                f"{self.instances.segment_types}."
            )
        if self.instances.form == "static" and self.masking.schedule:
            raise ValueError(
                "masking.schedule moves the rate with the step, and instances.form is static, "
                "whose masks are on disk. Set instances.form to dynamic, or remove the schedule."
            )
        if self.model.start_from == LATEST_BLESSED and self.vocabulary.import_from is None:
            raise ValueError(
                "model.start_from is latest_blessed, and a vocabulary that is trained anew on "
                "each text would not fit its weights. Set vocabulary.import_from: latest_blessed."
            )
        if self.trainer.warmup_steps >= self.trainer.steps:
            raise ValueError(
                f"trainer.warmup_steps is {self.trainer.warmup_steps} of {self.trainer.steps}, "
                f"so the learning rate would never fall. Lower trainer.warmup_steps."
            )
        return self


def _absolute(path: str) -> str:
    """A path on this machine from the root; one on an object store as it is."""
    return path if is_remote(path) else str(Path(path).expanduser().absolute())
