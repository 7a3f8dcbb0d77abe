"""Settings of the data components."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings import Settings


class VocabularySettings(Settings):
    """The tokenizer: trained on the train split, or imported."""

    kind: Literal["wordpiece", "sentencepiece"] = "wordpiece"
    """wordpiece: as in BERT and ELECTRA. sentencepiece: a unigram model, as in ALBERT."""
    import_from: str | None = None
    """Folder of a tokenizer that `transformers` wrote, or of a published model. latest_blessed: the
    tokenizer of this pipeline's newest blessed model; train if there is none. None: train."""
    size: int = Field(default=8000, ge=64, le=1 << 20)
    """Entries of the vocabulary, including special tokens; ignored on import."""
    lowercase: bool = True
    """Whether to convert text to lower case, as BERT's uncased models do."""
    strip_accents: bool = False
    """Whether to remove accents. Lower-casing does not imply it, because it breaks Hangul (NFD)."""
    split_cjk: bool | None = None
    """Whether each Chinese character, also in Japanese, is a word. None: yes for wordpiece, as in
    BERT; no for sentencepiece, whose pieces may span several characters."""
    min_frequency: int = Field(default=2, ge=1, le=1_000_000)
    """Minimum occurrences of a pair of pieces to be merged (wordpiece)."""
    sample_bytes: int = Field(default=256 << 20, ge=1 << 10, le=1 << 40)
    """Bytes of the train split to train on."""
    max_unknown_rate: float = Field(default=0.01, ge=0, le=1)
    """Maximum share of unknown tokens ([UNK]) in the text; more is an error."""

    @property
    def splits_cjk(self) -> bool:
        """Return whether each Chinese character is a word."""
        return self.kind == "wordpiece" if self.split_cjk is None else self.split_cjk


# bert, albert, electra: google-research's scripts. model_garden: tensorflow/models with its v2
# feature names. origin: a write-up, in Korean, of pre-training BERT on Cloud TPUs with TensorFlow 2
# ("Google Cloud TPU를 이용해서 BERT 학습하기", yeongmin, June 2020), whose flow Textmill follows.
LayoutName = Literal["bert", "model_garden", "albert", "electra", "origin"]


class RecordsSettings(Settings):
    """Records that another system wrote; see docs/guides/interchange.md."""

    layout: LayoutName
    """The system that wrote the records."""
    train: str = Field(min_length=1)
    """Glob of the TFRecord files for training; a name that ends in .gz means gzip."""
    eval: str = Field(min_length=1)
    """Glob of the held-out TFRecord files; none of them may be in train."""


class InstanceSettings(Settings):
    """How documents become training instances."""

    form: Literal["static", "dynamic"] = "static"
    """static: masks are written to disk. dynamic: masks are drawn at every training step."""
    objective: Literal[
        "next_sentence", "sentence_order", "sequence_relation", "contiguous", "none"
    ] = "next_sentence"
    """Second objective besides masked tokens. next_sentence: BERT's. sentence_order: ALBERT's.
    contiguous: none, with ELECTRA's running text. none: none, with RoBERTa's full inputs.
    sequence_relation: the label of imported records, of sequence_classes classes."""
    pair_draws: Literal["balanced", "reference"] = "balanced"
    """How next-sentence pairs are drawn. balanced: half of the labels are 1, and short targets are
    drawn per instance. reference: exactly as google-research/bert, for comparisons; about 56 % of
    its labels are 1."""
    seq_length: int = Field(default=128, ge=16, le=1 << 15)
    """Tokens per instance, including special tokens (L)."""
    max_predictions: int | None = Field(default=None, ge=1, le=1 << 15)
    """Maximum masked tokens per instance (N). None: ceil(masking.rate * seq_length)."""
    short_seq_fraction: float = Field(default=0.1, ge=0, le=1)
    """Share of instances with a shorter target length (BERT's short_seq_prob)."""
    single_segment_fraction: float = Field(default=0.1, ge=0, le=1)
    """Share of instances with one segment (contiguous only; ELECTRA's value)."""
    dupe_factor: int = Field(default=10, ge=1, le=1000)
    """Copies of the corpus with different masks and pairs (static only)."""
    import_from: RecordsSettings | None = None
    """Records of another system to use in place of instances of the text. None: use the text."""
    sequence_classes: int = Field(default=2, ge=2, le=1000)
    """Number of label classes (sequence_relation only)."""
    segment_types: int = Field(default=2, ge=1, le=1000)
    """Number of segment ids in imported records."""

    @model_validator(mode="after")
    def _labels_have_a_source(self) -> Self:
        if self.import_from is None and (
            self.objective == "sequence_relation" or self.segment_types != 2
        ):
            raise ValueError(
                "objective=sequence_relation and segment_types other than 2 need imported records. "
                "Set import_from, or remove objective=sequence_relation and segment_types."
            )
        if self.objective != "sequence_relation" and self.sequence_classes != 2:
            raise ValueError(
                f"sequence_classes is {self.sequence_classes}, but {self.objective} has two labels "
                f"or none. Set objective=sequence_relation, or remove sequence_classes."
            )
        return self

    @model_validator(mode="after")
    def _reference_is_berts(self) -> Self:
        if self.pair_draws == "reference" and self.objective != "next_sentence":
            raise ValueError(
                f"pair_draws=reference reproduces BERT's pairs, but the objective is "
                f"{self.objective}. Set objective=next_sentence, or pair_draws=balanced."
            )
        return self


class ExportSettings(Settings):
    """How instances become records of another system."""

    layout: LayoutName
    """The system that will read the records."""
    compress: bool = False
    """Whether to gzip the records; the readers of BERT, ALBERT and ELECTRA expect no gzip."""


class ReportSettings(Settings):
    """What the corpus report may show."""

    show_text: bool = False
    """Whether to show example instances as text; otherwise only counts and word pieces."""
    examples: int = Field(default=4, ge=0, le=50)
    """Number of instances shown as text."""
    frequent_pieces: int = Field(default=40, ge=1, le=500)
    """Number of vocabulary entries shown, the most frequent first."""
    sample_documents: int = Field(default=2000, ge=1, le=1_000_000)
    """Number of documents read to count sentences per document."""


class ModelCardSettings(Settings):
    """What the model card says that no artifact contains."""

    recipe: str = "textmill-model"
    """Name of the recipe, which is also the model's name."""
    description: str = ""
    """The recipe's description."""
    license: str | None = None
    """SPDX name of the model's license. None: the card says that none is stated."""
    notes: str | None = None
    """A paragraph about the text and the intended use. None: omitted."""
    language: str = "en"
    """ISO 639 code of the language, if the settings of the documents name none."""
    tags: tuple[str, ...] = ()
    """Additional tags for the model hub."""
