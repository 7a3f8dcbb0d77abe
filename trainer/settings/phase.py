"""Settings of a later phase of the training run."""

from typing import Self

from pydantic import Field, model_validator

from core.settings import Settings


class PhaseSettings(Settings):
    """A later phase of the run, on instances of another length; omitted fields do not change.

    BERT trains 90 % of its steps at length 128 and the rest at 512, "to learn the positional
    embeddings" (Devlin et al. 2019, A.2), with a single learning rate schedule.
    """

    from_step: int = Field(ge=1, le=100_000_000)
    """First step of the phase, counted from 0."""
    seq_length: int = Field(ge=16, le=1 << 15)
    """Tokens per instance."""
    max_predictions: int | None = Field(default=None, ge=1, le=1 << 15)
    """Masked tokens per instance at most. None: ceil(masking.rate * seq_length)."""
    global_batch_size: int | None = Field(default=None, ge=1, le=1 << 20)
    """Instances per step over all replicas. None: as in the phase before."""
    accumulate_steps: int | None = Field(default=None, ge=1, le=1 << 20)
    """Number of parts that a batch is computed in. None: as in the phase before."""
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    """Peak learning rate of a new schedule, from warm-up to 0. None: the schedule continues."""
    warmup_steps: int | None = Field(default=None, ge=0, le=100_000_000)
    """Warm-up steps of the new schedule. None: as in the phase before."""

    @model_validator(mode="after")
    def _check_warmup(self) -> Self:
        if self.warmup_steps is not None and self.learning_rate is None:
            raise ValueError(
                "warmup_steps needs learning_rate: without it the schedule of the phase before "
                "continues. Set learning_rate too, or remove warmup_steps."
            )
        return self

    def trainer_changes(self) -> dict[str, int | float]:
        """Return the trainer settings that this phase changes."""
        names = ("global_batch_size", "accumulate_steps", "learning_rate", "warmup_steps")
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}
