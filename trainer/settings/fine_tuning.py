"""Settings of the short fine-tuning by which a model is evaluated on downstream tasks."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.settings import Settings


class FineTuningSettings(Settings):
    """Fine-tuning on downstream tasks; one setting for all of them."""

    epochs: int = Field(default=3, ge=1, le=5)
    """Passes over the training examples."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    """Peak learning rate, after a warm-up over a tenth of the steps; then it falls linearly."""
    batch_size: int = Field(default=32, ge=1, le=1 << 16)
    """Examples per step over all replicas."""
    seeds: tuple[Annotated[int, Field(ge=0, lt=1 << 31)], ...] = Field(
        default=(1, 2, 3), min_length=1, max_length=20, strict=False
    )
    """Each seed is one fine-tuning, with another head and another order of the examples."""
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"
    """Device to fine-tune on, as in trainer.device."""

    @model_validator(mode="after")
    def _check_seeds(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} repeat. Give different numbers.")
        return self
