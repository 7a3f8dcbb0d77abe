"""Settings of masking: which tokens are predicted, and what replaces them in the input."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings import Settings


class RateSchedule(Settings):
    """A masking rate that changes linearly with the step; for dynamically masked instances."""

    end_rate: float = Field(gt=0, lt=1)
    """Fraction of real tokens that is masked after `steps`; starts at `masking.rate`."""
    steps: int = Field(ge=1, le=100_000_000)
    """Optimizer updates until `end_rate` is reached; the rate stays there afterwards."""


class MaskingSettings(Settings):
    """Masked-token prediction; static and dynamic masking share these settings."""

    rate: float = Field(default=0.15, gt=0, lt=1)
    """Fraction of real tokens that is predicted (BERT, Devlin et al. 2019)."""
    schedule: RateSchedule | None = None
    """Change of the rate during training. None: the rate is constant."""
    unit: Literal["token", "word", "ngram"] = "token"
    """What is chosen together: single tokens, whole words, or runs of words."""
    max_ngram: int = Field(default=3, ge=1, le=16)
    """Words per run at most, with `unit: ngram` (ALBERT, Lan et al. 2020)."""
    favor: Literal["short", "long"] = "short"
    """Runs of n words are drawn with probability ~ 1/n (short, ALBERT) or in reverse (long)."""
    mask_share: float = Field(default=0.8, ge=0, le=1)
    """Fraction of the chosen tokens that becomes [MASK] (BERT)."""
    random_share: float = Field(default=0.1, ge=0, le=1)
    """Fraction of the chosen tokens that becomes a random token (BERT); the rest is kept."""
    decide: Literal["piece", "word"] = "piece"
    """Whether each token (piece, BERT) or each word is masked, replaced or kept on its own."""

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError(
                f"mask_share {self.mask_share} and random_share {self.random_share} add up to more "
                "than 1. Lower one of them; the remainder up to 1 is kept unchanged."
            )
        return self

    @property
    def highest_rate(self) -> float:
        """Return the highest masking rate of any step."""
        return max(self.rate, self.schedule.end_rate) if self.schedule else self.rate

    def ngram_probabilities(self) -> list[float]:
        """Return the probability of a run of 1, 2, … words."""
        if self.unit != "ngram":
            return [1.0]
        weights = [1 / n for n in range(1, self.max_ngram + 1)]
        ordered = weights if self.favor == "short" else weights[::-1]
        return [weight / sum(weights) for weight in ordered]
