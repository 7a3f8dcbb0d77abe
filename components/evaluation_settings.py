"""Settings of the evaluation: when a model is good enough, and on which tasks it is tried."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings import Settings
from core.storage import absolute
from trainer.settings.fine_tuning import FineTuningSettings


class TaskSettings(Settings):
    """A labeled data set: what the model is asked, and what it has to reach."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Name of the task in results, for example polarity."""
    kind: Literal["classify", "pair", "tag"]
    """classify: one text, one label. pair: two texts, one label. tag: one label per word."""
    train: str = Field(min_length=1)
    """File of training examples: TSV, CSV, JSONL or Parquet, on disk or gs://; may be
    compressed."""
    eval: str = Field(min_length=1)
    """File of held-out examples, with the same columns."""
    text: str = "text"
    """Column of the text. tag: words separated by spaces, or a list of words."""
    text_pair: str | None = None
    """Column of the second text (pair only)."""
    label: str = "label"
    """Column of the label. tag: one label per word, separated by spaces, or a list."""
    labels: tuple[str, ...] = Field(default=(), max_length=1000, strict=False)
    """The labels that may occur. Empty: those of the training examples."""
    metric: Literal["accuracy", "macro_f1", "matthews"] = "accuracy"
    """Share of right answers, mean F1 of the labels, or Matthews' correlation."""
    seq_length: int = Field(default=128, ge=8, le=1 << 15)
    """Tokens per example at most, including special tokens."""
    long_texts: Literal["refuse", "cut"] = "refuse"
    """What to do with a text of more words than `seq_length` has room for. refuse: stop before
    training. cut: use its beginning. Texts that only their pieces make too long are always cut and
    counted."""
    min_gain_over_random: float | None = Field(default=None, ge=-1, le=2)
    """Bless a model only if fine-tuning gains more than this over the same architecture with random
    weights, after subtracting two standard errors. None: not asked."""
    no_worse_than_latest: bool = False
    """Bless a model only if fine-tuning is no worse than from the latest blessed model, by more
    than two standard errors."""

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.kind == "pair") != (self.text_pair is not None):
            raise ValueError(
                f"task {self.name}: kind pair and text_pair need each other. Name the column of "
                f"the second text, or change the kind."
            )
        return self

    def from_here(self) -> "TaskSettings":
        """Return the task with absolute paths."""
        paths = {"train": absolute(self.train), "eval": absolute(self.eval)}
        return self.model_copy(update=paths)


class DecontaminationSettings(Settings):
    """Looking for the held-out texts of the tasks in the corpus."""

    ngram: int = Field(default=13, ge=2, le=100)
    """Words in a row, without punctuation, that a contaminated document shares with a held-out
    text; shorter texts are not looked for."""
    drop: bool = False
    """Whether contaminated documents are dropped; otherwise they are only counted."""


class DownstreamSettings(Settings):
    """What DownstreamEvaluator does: the tasks, and how to fine-tune."""

    tasks: tuple[TaskSettings, ...] = Field(strict=False)
    """The tasks."""
    fine_tuning: FineTuningSettings = FineTuningSettings()
    """One setting of fine-tuning for all tasks."""


class EvaluationSettings(Settings):
    """When a model is good enough to be published."""

    batch_size: int = Field(default=64, ge=1, le=1 << 20)
    """Instances per evaluation step. The masks of held-out instances depend on it and on the seed,
    so losses are comparable only between evaluations with the same batch size."""
    min_gain_over_unigram: float = Field(default=0.0, ge=-100, le=100)
    """Minimum difference in nats between the held-out loss and the unigram baseline."""
    min_replaced_token_auc: float = Field(default=0.5, ge=0, le=1)
    """Minimum AUC of ELECTRA's discriminator; guessing has 0.5."""
    max_loss_increase: float = Field(default=0.0, ge=0, le=100)
    """Maximum increase in nats over the loss of the latest blessed model."""
    incomparable_baseline: Literal["accept", "refuse"] = "accept"
    """What to do if the latest blessed model has another vocabulary, type, length or objective, so
    that losses cannot be compared."""
    tasks: tuple[TaskSettings, ...] = Field(default=(), max_length=100, strict=False)
    """Labeled tasks on which the model is evaluated, too; see docs/guides/downstream.md. Empty: no
    such evaluation."""
    fine_tuning: FineTuningSettings = FineTuningSettings()
    """How models are fine-tuned on the tasks."""
    decontaminate: DecontaminationSettings | None = None
    """Look for the held-out texts of the tasks in the corpus. None: do not."""

    @model_validator(mode="after")
    def _check_tasks(self) -> Self:
        if self.decontaminate and not self.tasks:
            raise ValueError("decontaminate needs tasks. Name them in evaluation.tasks.")
        names = [task.name for task in self.tasks]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two tasks are named {repeated[0]}. Give each its own name.")
        return self

    def downstream(self) -> DownstreamSettings:
        """Return what DownstreamEvaluator needs, without what the tasks ask for a blessing."""
        plain: dict[str, bool | None] = {
            "min_gain_over_random": None,
            "no_worse_than_latest": False,
        }
        tasks = tuple(task.model_copy(update=plain) for task in self.tasks)
        return DownstreamSettings(tasks=tasks, fine_tuning=self.fine_tuning)

    def blessing_json(self) -> str:
        """Return what ModelEvaluator needs, as JSON; its cache key ignores the fine-tuning."""
        unused = {"fine_tuning", "decontaminate"} | (set() if self.tasks else {"tasks"})
        return self.model_dump_json(exclude=unused)
