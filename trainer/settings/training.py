"""Settings of the training run: length, optimizer, device, checkpoints and evaluation."""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from core.settings import Settings
from trainer.settings.budget import parse_budget
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ModelSettings
from trainer.settings.phase import PhaseSettings

MOST_PHASES = 4  # The Trainer component has one input per phase.
# These change how a run is observed, which of its weights are exported, or how they are computed,
# not what is computed. A stopped run may resume with others.
NOT_COMPUTED = {
    "log_every_steps",
    "save_every_steps",
    "evaluate_every_steps",
    "evaluate_instances",
    "evaluate_tasks",
    "export",
    "keep_checkpoints",
    "steps_per_loop",
    "peak_flops",
    "compile",
    "recompute",
}
SET_BY_BUDGET = ("steps", "warmup_steps", "decay_steps")


class TrainerSettings(Settings):
    """The training run."""

    steps: int = Field(default=100_000, ge=1, le=100_000_000)
    """Number of optimizer updates."""
    budget: str | None = None
    """Length of the run as an amount, instead of `steps`: time of the steps (90s, 30min, 2h, 3d),
    tokens with padding (10B tokens), or compute (1.5 EFLOP). A run sets `steps` from it, and
    `warmup_steps` and `decay_steps` to a tenth of them. None: `steps`."""
    budget_rate: float | None = Field(default=None, gt=0, le=1e12)
    """Tokens per second, with padding, for a budget of time. None: measured on this machine."""
    global_batch_size: int = Field(default=256, ge=1, le=1 << 20)
    """Instances per step over all replicas (BERT)."""
    accumulate_steps: int = Field(default=1, ge=1, le=1 << 20)
    """Number of parts that a batch is computed in, one after the other, to save memory; the result
    is the same."""
    phases: tuple[PhaseSettings, ...] = Field(default=(), max_length=MOST_PHASES - 1, strict=False)
    """Later phases at other lengths; the first phase uses `instances.seq_length`."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    """Peak learning rate (BERT)."""
    warmup_steps: int = Field(default=10_000, ge=0, le=100_000_000)
    """Steps in which the learning rate rises linearly from 0 (BERT)."""
    schedule: Literal["linear", "product", "stable"] = "linear"
    """Learning rate after the warm-up. linear (BERT): falls linearly to 0; product (ELECTRA): that
    line times the warm-up; stable: constant until the last `decay_steps`."""
    decay_steps: int = Field(default=10_000, ge=1, le=100_000_000)
    """Last steps, with `schedule: stable`, in which the learning rate falls as 1 - sqrt."""
    optimizer: Literal["adamw", "lamb"] = "adamw"
    """adamw (BERT), or lamb for very large batches (ALBERT; You et al. 2020)."""
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    """Decoupled weight decay; not applied to biases and layer normalization (BERT)."""
    adam_beta_1: float = Field(default=0.9, ge=0, lt=1)
    """Decay per step of the mean gradient (BERT)."""
    adam_beta_2: float = Field(default=0.999, ge=0, lt=1)
    """Decay per step of the mean squared gradient (BERT)."""
    adam_epsilon: float = Field(default=1e-6, gt=0, le=1)
    """Added to the root mean squared gradient (BERT's optimization.py)."""
    adam_bias_correction: bool = False
    """Whether Adam's means are corrected for starting at 0: BERT's are not, PyTorch's AdamW's
    are."""
    clip_norm: float = Field(default=1.0, gt=0, le=1_000_000)
    """Global norm that the gradient, summed over replicas, is clipped to (BERT)."""
    precision: Literal["float32", "tensorfloat32", "bfloat16"] = "float32"
    """Floating-point type of the computation; weights are always float32. float32: exact on every
    device, and slow on GPUs and TPUs. tensorfloat32: the same, but the factors of matrix products
    are rounded, on NVIDIA GPUs to TF32, on TPUs to bfloat16, on CPUs not."""
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """Device to train on. auto: a TPU if there is one, else all GPUs, else the CPU."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Whether XLA compiles forward pass, backward pass and update into one program (with several
    GPUs two, with the sum over GPUs between them). auto: on GPUs. A TPU always does. The result is
    the same up to rounding, and checkpoints fit both."""
    recompute: Literal["none", "layers"] = "none"
    """Activations that are computed again in the backward pass, to save memory. layers: all but the
    input of each layer, which costs up to a third more time; the result is the same."""
    length_buckets: list[Annotated[int, Field(ge=1, le=1 << 15)]] = Field(default=[], max_length=16)
    """Rising lengths in tokens. Instances of similar length are batched together, and each batch is
    computed at the shortest of these lengths, or `instances.seq_length`, that holds it. Empty:
    every batch at `instances.seq_length`."""
    steps_per_loop: int = Field(default=10, ge=1, le=1_000_000)
    """Steps that run on the device before the host checks losses and signals."""
    log_every_steps: int = Field(default=50, ge=1, le=100_000_000)
    """Steps between lines in the terminal and points in TensorBoard."""
    save_every_steps: int = Field(default=1000, ge=1, le=100_000_000)
    """Steps between checkpoints; a killed run repeats at most this many."""
    keep_checkpoints: int = Field(default=3, ge=1, le=100_000)
    """Number of newest checkpoints that are kept; older ones are deleted."""
    evaluate_every_steps: int | None = Field(default=None, ge=1, le=100_000_000)
    """Steps between evaluations on held-out instances, always with the same masks. None: no
    evaluation during training."""
    evaluate_instances: int = Field(default=1024, ge=1, le=100_000_000)
    """Instances of the eval split that such an evaluation uses at most; only whole batches."""
    evaluate_tasks: tuple[str, ...] = Field(default=(), max_length=20, strict=False)
    """Names of `evaluation.tasks` on which such an evaluation also scores the model, by a frozen
    probe."""
    export: Literal["last", "best"] = "last"
    """Weights to export: those of the last step, or those with the lowest held-out loss of the last
    phase (of masked tokens; ELECTRA: of the discriminator)."""
    peak_flops: float | None = Field(default=None, gt=0, le=1e18)
    """Peak FLOP/s of a device, to report the share that is reached. None: measured on a CPU, known
    by name for common GPUs and TPUs, otherwise not reported."""

    @field_validator("budget")
    @classmethod
    def _check_budget(cls, text: str | None) -> str | None:
        if text is not None:
            parse_budget(text)
        return text

    @model_validator(mode="after")
    def _check_budget_alone(self) -> Self:
        both = [name for name in SET_BY_BUDGET if name in self.model_fields_set]
        if self.budget and both:
            raise ValueError(f"budget sets {both[0]}. Remove one of the two.")
        is_time = self.budget is not None and parse_budget(self.budget).unit == "seconds"
        if self.budget_rate and not is_time:
            raise ValueError(
                "budget_rate is only for a budget of time. Set budget, for example to 2h, or "
                "remove budget_rate."
            )
        return self

    @property
    def compute_type(self) -> Literal["float32", "bfloat16"]:
        """Return the type of weights and activations during the computation."""
        return "bfloat16" if self.precision == "bfloat16" else "float32"

    def phase_boundaries(self) -> list[int]:
        """Return the first step of each phase, and the number of steps."""
        return [0, *(phase.from_step for phase in self.phases), self.steps]

    def decay_start(self) -> int | None:
        """Return the step from which a stable schedule decays; None if there is no such step."""
        last = self.by_phase()[-1]
        is_stable = last.schedule == "stable" and last.decay_steps < self.steps
        return self.steps - last.decay_steps if is_stable else None

    def by_phase(self) -> list[Self]:
        """Return the settings of each phase."""
        merged = [self]
        for phase in self.phases:
            merged.append(merged[-1].model_copy(update=phase.trainer_changes()))
        return merged

    @model_validator(mode="after")
    def _check_accumulate_steps(self) -> Self:
        for settings in self.by_phase():
            size, parts = settings.global_batch_size, settings.accumulate_steps
            if size % parts:
                raise ValueError(
                    f"accumulate_steps is {parts}, which does not divide global_batch_size "
                    f"{size}. Set accumulate_steps to a divisor."
                )
        return self

    @field_validator("length_buckets")
    @classmethod
    def _check_length_buckets(cls, lengths: list[int]) -> list[int]:
        if any(low >= high for low, high in pairwise([0, *lengths])):
            raise ValueError(
                f"{lengths} are not positive numbers of tokens in rising order. Sort them."
            )
        return lengths

    @model_validator(mode="after")
    def _check_phases(self) -> Self:
        if self.budget:  # `steps` is not known yet
            return self
        steps = self.phase_boundaries()
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise ValueError(
                f"phases begin at steps {steps[1:-1]} of {self.steps}. Each from_step must be "
                f"greater than the one before and less than steps."
            )
        return self

    @model_validator(mode="after")
    def _check_evaluation(self) -> Self:
        wants = "export is best" if self.export == "best" else "evaluate_tasks names tasks"
        if self.evaluate_every_steps is None and (self.export == "best" or self.evaluate_tasks):
            raise ValueError(
                f"{wants}, but there is no evaluation during training. Set evaluate_every_steps."
            )
        for name in self.evaluate_tasks:
            if self.evaluate_tasks.count(name) > 1:
                raise ValueError(f"evaluate_tasks names {name} twice. Remove one of them.")
        return self


class TrainingSettings(Settings):
    """The settings of a training run."""

    model: ModelSettings
    """The encoder."""
    masking: MaskingSettings
    """Masked-token prediction."""
    trainer: TrainerSettings
    """The training run."""
    seed: int
    """Seed of initial weights, instance order, dropout and dynamic masks."""
    checkpoint_root: str
    """Folder of checkpoints. Each run has a folder in it, named by a digest of its settings, code
    and instances."""
    code_digest: str = ""
    """Digest of the trainer's code; part of TFX's cache key and of the name of the run's folder."""

    @field_validator("trainer")
    @classmethod
    def _check_budget(cls, trainer: TrainerSettings) -> TrainerSettings:
        if trainer.budget:
            raise ValueError(f"trainer.budget is {trainer.budget}, and no steps were set from it.")
        return trainer

    def computed(self) -> dict[str, Any]:
        """Return the settings that the result depends on, as JSON values."""
        values = self.model_dump(mode="json", exclude={"checkpoint_root"})
        values["trainer"] = {k: v for k, v in values["trainer"].items() if k not in NOT_COMPUTED}
        return values
