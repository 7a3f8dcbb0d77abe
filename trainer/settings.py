"""Every setting of masking, model and training, with its unit and its source."""

from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from core.settings import LATEST_BLESSED, Settings


class RateSchedule(Settings):
    """A masking rate that moves with the step, on a line; for instances of the dynamic form."""

    end_rate: float = Field(gt=0, lt=1)  # share of real tokens that masking.rate becomes
    steps: int = Field(ge=1)  # updates until then; the rate stays there afterwards


class MaskingSettings(Settings):
    """Which tokens are predicted, and what stands in their place; static and dynamic share it."""

    rate: float = Field(default=0.15, gt=0, lt=1)  # share of real tokens (Devlin et al. 2019)
    schedule: RateSchedule | None = None  # from that rate to another one; None: always the same
    unit: Literal["token", "word", "ngram"] = "token"  # chosen: pieces, whole words, runs of words
    max_ngram: int = Field(default=3, ge=1, le=16)  # words in a run at most (ALBERT); unit: ngram
    favor: Literal["short", "long"] = "short"  # run of n words: p(n) ~ 1/n (ALBERT), or reversed
    mask_share: float = Field(default=0.8, ge=0, le=1)  # of the chosen: becomes [MASK] (BERT)
    random_share: float = Field(default=0.1, ge=0, le=1)  # becomes a random token; the rest stays
    decide: Literal["piece", "word"] = "piece"  # what shares one fate; BERT: each piece its own

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError(
                f"mask_share {self.mask_share} and random_share {self.random_share} are more than "
                "1 together. Lower one of them; what is left of 1 stays as it is."
            )
        return self

    @property
    def highest_rate(self) -> float:
        """The greatest share of real tokens that is predicted at any step."""
        return max(self.rate, self.schedule.end_rate) if self.schedule else self.rate

    def ngram_shares(self) -> list[float]:
        """How likely a run of 1, 2 … words is drawn."""
        if self.unit != "ngram":
            return [1.0]
        weights = [1 / n for n in range(1, self.max_ngram + 1)]
        ordered = weights if self.favor == "short" else weights[::-1]
        return [weight / sum(weights) for weight in ordered]


class ElectraSettings(Settings):
    """How ELECTRA's two halves play (Clark et al. 2020); other types do not read it."""

    discriminator_weight: float = Field(default=50.0, gt=0)  # of its loss; the generator's has 1
    temperature: float = Field(default=1.0, gt=0)  # of the generator's samples


class ModelSettings(Settings):
    """The encoder. A size fills the fields that are left out."""

    type: Literal["bert", "albert", "electra"] = "bert"  # the paper's name
    # A folder that transformers or Textmill wrote: its shape and weights are the start, and the
    # size is not read. The vocabulary has to be the folder's (vocabulary.import_from).
    # latest_blessed: the newest model of this pipeline that was good enough, if there is one.
    start_from: str | None = None
    # electra: the folder of a generator that goes with it (ElectraForMaskedLM); None: the one in
    # start_from, if Textmill wrote that, or a drawn one
    generator_from: str | None = None
    # bert: tiny to large; albert: tiny, base to xxlarge; electra: tiny, small, base, large
    size: Literal["tiny", "mini", "small", "medium", "base", "large", "xlarge", "xxlarge"] = "tiny"
    embedding_size: int | None = Field(default=None, ge=8)  # albert, electra; BERT: hidden_size
    generator_share: float | None = Field(default=None, gt=0, le=1)  # electra: of hidden_size
    num_layers: int | None = Field(default=None, ge=1)  # transformer layers
    hidden_size: int | None = Field(default=None, ge=8)  # H, dimensions of a token's vector
    num_heads: int | None = Field(default=None, ge=1)  # of attention; BERT: H / 64
    intermediate_size: int | None = Field(default=None, ge=8)  # BERT: 4 x hidden_size
    max_position: int = Field(default=512, ge=8)  # positions with an embedding
    type_vocab_size: int = Field(default=2, ge=1)  # kinds of segments
    hidden_dropout: float = Field(default=0.1, ge=0, lt=1)  # share of H zeroed (BERT)
    attention_dropout: float = Field(default=0.1, ge=0, lt=1)  # share of attention zeroed (BERT)
    initializer_range: float = Field(default=0.02, gt=0)  # BERT: truncated normal
    # positions' first vectors: drawn (BERT), or sine waves of that size, which are learned on from
    # (Vaswani et al. 2017, 3.5); then attention by distance is learned much sooner
    position_start: Literal["drawn", "sinusoidal"] = "drawn"
    electra: ElectraSettings = ElectraSettings()

    @model_validator(mode="after")
    def _generator_has_its_discriminator(self) -> Self:
        if self.generator_from is None:
            return self
        if self.type != "electra" or self.start_from in (None, LATEST_BLESSED):
            raise ValueError(
                "generator_from is the other half of an electra whose discriminator is in the "
                "folder start_from. Set type: electra and start_from, or remove generator_from."
            )
        return self


class PhaseSettings(Settings):
    """A later part of the run, on instances of another length; what is left out stays as it was.

    BERT trains nine tenths of its steps at length 128 and the rest at 512, "to learn the positional
    embeddings" (Devlin et al. 2019, A.2), on one schedule.
    """

    from_step: int = Field(ge=1)  # the phase's first step
    seq_length: int = Field(ge=16)  # L of its instances
    max_predictions: int | None = Field(default=None, ge=1)  # N; None: ceil(masking.rate * L)
    global_batch_size: int | None = Field(default=None, ge=1)  # instances
    accumulate_steps: int | None = Field(default=None, ge=1)  # parts of a batch
    # a schedule of the phase's own, from warm-up to 0; None: the schedule goes on
    learning_rate: float | None = Field(default=None, gt=0)  # peak
    warmup_steps: int | None = Field(default=None, ge=0)  # of a schedule of its own

    @model_validator(mode="after")
    def _schedule_is_whole(self) -> Self:
        if self.warmup_steps is not None and self.learning_rate is None:
            raise ValueError(
                "warmup_steps without learning_rate: the schedule of the phase before goes on. "
                "Give learning_rate too, or remove warmup_steps."
            )
        return self

    def changes(self) -> dict[str, int | float]:
        """What it changes in the trainer's settings."""
        names = ("global_batch_size", "accumulate_steps", "learning_rate", "warmup_steps")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}


MOST_PHASES = 4  # the Trainer has an input for each


class TrainerSettings(Settings):
    """The training run."""

    steps: int = Field(default=100_000, ge=1)  # optimizer updates
    global_batch_size: int = Field(default=256, ge=1)  # instances over all replicas, per step
    # parts of a batch, one after the other, where memory holds no more; the result is the same
    accumulate_steps: int = Field(default=1, ge=1)
    # later parts of the run, at other lengths; the first is at instances.seq_length
    phases: tuple[PhaseSettings, ...] = Field(default=(), max_length=MOST_PHASES - 1, strict=False)
    learning_rate: float = Field(default=1e-4, gt=0)  # peak
    warmup_steps: int = Field(default=10_000, ge=0)  # linear from 0
    # linear: BERT's; product: ELECTRA's; stable: level until the last decay_steps
    schedule: Literal["linear", "product", "stable"] = "linear"
    decay_steps: int = Field(default=10_000, ge=1)  # schedule: stable; falls as 1 - sqrt
    optimizer: Literal["adamw", "lamb"] = "adamw"  # lamb: ALBERT's, for very large batches
    weight_decay: float = Field(default=0.01, ge=0)  # decoupled; not on biases and LayerNorm
    adam_beta_1: float = Field(default=0.9, ge=0, lt=1)  # decay of the mean gradient, a step
    adam_beta_2: float = Field(default=0.999, ge=0, lt=1)  # of the mean squared gradient
    adam_epsilon: float = Field(default=1e-6, gt=0)  # BERT's optimization.py
    adam_bias_correction: bool = False  # BERT's optimizer leaves it out; PyTorch's AdamW has it
    clip_norm: float = Field(default=1.0, gt=0)  # global norm, after the replicas' sum
    precision: Literal["float32", "bfloat16"] = "float32"  # of the computation; weights are float32
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto"  # auto: TPU, else GPUs, else CPU
    # Batches of like lengths, each computed at the shortest of these numbers of tokens, or of
    # instances.seq_length, that holds it. None: every batch at instances.seq_length.
    length_buckets: list[int] = Field(default=[], max_length=16)
    steps_per_loop: int = Field(default=10, ge=1)  # steps on the device between two looks at it
    log_every_steps: int = Field(default=50, ge=1)  # to the terminal and TensorBoard
    save_every_steps: int = Field(default=1000, ge=1)  # checkpoints; a killed run repeats as many
    keep_checkpoints: int = Field(default=3, ge=1)  # the newest so many; older ones are removed
    # how often held-out instances are measured, with masks that stay the same; None: not while
    # training
    evaluate_every_steps: int | None = Field(default=None, ge=1)
    evaluate_instances: int = Field(default=1024, ge=1)  # of the eval split at most; whole batches
    # best: the weights of the least held-out loss of the last phase, by what evaluation judges
    # (masked tokens; ELECTRA's discriminator)
    export: Literal["last", "best"] = "last"
    # a device's peak, FLOP/s, for the share of it that is reached; None: measured at the start
    peak_flops: float | None = Field(default=None, gt=0)

    def borders(self) -> list[int]:
        """The first step of each phase, and the step after the last."""
        return [0, *(phase.from_step for phase in self.phases), self.steps]

    def by_phase(self) -> list[Self]:
        """The settings as they hold in each phase."""
        found = [self]
        for phase in self.phases:
            found.append(found[-1].model_copy(update=phase.changes()))
        return found

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for of_phase in self.by_phase():
            size, parts = of_phase.global_batch_size, of_phase.accumulate_steps
            if size % parts:
                raise ValueError(
                    f"accumulate_steps is {parts}, which does not divide global_batch_size "
                    f"{size}. Set accumulate_steps to a divisor."
                )
        return self

    @field_validator("length_buckets")
    @classmethod
    def _lengths_rise(cls, lengths: list[int]) -> list[int]:
        if any(low >= high for low, high in pairwise([0, *lengths])):
            raise ValueError(f"{lengths} are not rising numbers of tokens. Sort them.")
        return lengths

    @model_validator(mode="after")
    def _phases_follow(self) -> Self:
        steps = self.borders()
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise ValueError(
                f"phases begin at steps {steps[1:-1]} of {self.steps}. Let each from_step lie "
                f"after the one before and below steps."
            )
        return self

    @model_validator(mode="after")
    def _best_is_measured(self) -> Self:
        if self.export == "best" and self.evaluate_every_steps is None:
            raise ValueError(
                "export is best, and nothing is measured while training. Set evaluate_every_steps."
            )
        return self


class TrainingSettings(Settings):
    """All that `run_fn` is told, through TFX's `custom_config`."""

    model: ModelSettings
    masking: MaskingSettings
    trainer: TrainerSettings
    seed: int  # of weights, order, dropout and masks
    checkpoint_root: str  # folder; a run's own folder in it is named by a digest of all that counts
    code_digest: str  # of the trainer's code; part of TFX's cache key and of the run's name
