"""Every setting of the data components, with its unit and its source."""

from typing import Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from core.settings import Settings


class TextSettings(Settings):
    """How files become documents and sentences."""

    form: Literal["lines", "prose"] = "lines"  # lines: BERT's form, a sentence a line, blank = end
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}$")  # of the sentence splitter (prose)
    # where a document ends, beside the file's end. None: blank_line for lines, file for prose,
    # whose blank lines part paragraphs; two_blank_lines suits books with chapters
    document_end: Literal["blank_line", "two_blank_lines", "file"] | None = None
    on_bad_line: Literal["fail", "skip"] = "fail"  # skip: count and drop, up to max_bad_fraction
    max_bad_fraction: float = Field(default=0.001, ge=0, le=1)  # share of lines; more is an error
    max_line_bytes: int = Field(default=1 << 20, ge=64)  # a longer line is a bad line
    max_document_bytes: int = Field(default=16 << 20, ge=1024)  # longer documents are cut, counted
    max_gzip_ratio: int = Field(default=200, ge=2)  # bytes out per byte in; more is a bomb
    drop_duplicates: bool = False  # documents with equal content: keep one
    # Jaccard similarity of two documents' phrases of five words, from which on one of them goes
    # (MinHash); 0.8 is usual. None: none goes
    drop_near_duplicates: float | None = Field(default=None, ge=0.3, le=1)
    eval_fraction: float = Field(default=0.1, gt=0, lt=1)  # share of documents held out
    # text per shard, bytes; splits of less than eight such shards have smaller ones
    shard_bytes: int = Field(default=8 << 20, ge=1 << 16)


class VocabularySettings(Settings):
    """The tokenizer: trained on the train split, or imported."""

    kind: Literal["wordpiece", "sentencepiece"] = "wordpiece"  # BERT's and ELECTRA's, or ALBERT's
    # a folder that `transformers` wrote; None: train. latest_blessed: that of the newest model of
    # this pipeline that was good enough, or else train
    import_from: str | None = None
    size: int = Field(default=8000, ge=64)  # entries, specials among them (ignored on import)
    lowercase: bool = True  # BERT's uncased form
    strip_accents: bool = False  # lower-casing does not imply it: NFD breaks Hangul
    # whether Chinese characters are words of their own (those of Japanese too, but not kana). None:
    # yes for wordpiece, as in BERT; no for sentencepiece, whose pieces span several of them
    split_cjk: bool | None = None
    min_frequency: int = Field(default=2, ge=1)  # of a pair that may be merged (wordpiece)
    sample_bytes: int = Field(default=256 << 20, ge=1 << 10)  # of the train split, to learn from
    max_unknown_rate: float = Field(default=0.01, ge=0, le=1)  # share of [UNK]; more is an error

    @property
    def splits_cjk(self) -> bool:
        """Whether Chinese characters are words of their own."""
        return self.kind == "wordpiece" if self.split_cjk is None else self.split_cjk


# bert: google-research/bert; model_garden: tensorflow/models with its v2 names; albert and electra:
# google-research's; origin: the write-up that Textmill began with
Layout = Literal["bert", "model_garden", "albert", "electra", "origin"]


class RecordsSettings(Settings):
    """Records of another system, as they lie in its files; see docs/interchange.md."""

    layout: Layout  # who wrote them
    train: str = Field(min_length=1)  # glob of TFRecord files; gzipped if a name ends in .gz
    eval: str = Field(min_length=1)  # of the files held out; none of them may be in train


class InstanceSettings(Settings):
    """How documents become training instances."""

    form: Literal["static", "dynamic"] = "static"  # masks on disk, or drawn at every step
    # next_sentence: BERT; sentence_order: ALBERT; contiguous: ELECTRA; none: RoBERTa's full inputs
    # sequence_relation: whatever the label of imported records tells, of sequence_classes classes
    objective: Literal[
        "next_sentence", "sentence_order", "sequence_relation", "contiguous", "none"
    ] = "next_sentence"
    # of next_sentence. balanced: as many labels 1 as 0, short targets by instance. reference: as
    # google-research/bert's script draws, to compare with it; about 56 % of its labels are 1
    pair_draws: Literal["balanced", "reference"] = "balanced"
    seq_length: int = Field(default=128, ge=16)  # L, tokens with specials
    max_predictions: int | None = Field(default=None, ge=1)  # N; None: ceil(rate * L)
    short_seq_fraction: float = Field(default=0.1, ge=0, le=1)  # BERT's short_seq_prob
    single_segment_fraction: float = Field(default=0.1, ge=0, le=1)  # contiguous (ELECTRA)
    dupe_factor: int = Field(default=10, ge=1)  # copies with other masks and pairs; static only
    # records of another system in the place of those that InstanceGen would make of the text
    import_from: RecordsSettings | None = None
    sequence_classes: int = Field(default=2, ge=2)  # sequence_relation: labels lie below it
    segment_types: int = Field(default=2, ge=1)  # of imported records: segment ids lie below it

    @model_validator(mode="after")
    def _labels_have_a_source(self) -> Self:
        if self.import_from is None and (
            self.objective == "sequence_relation" or self.segment_types != 2
        ):
            raise ValueError(
                "text has no relations of sequences to learn and two types of segments; other "
                "labels and types come with imported records. Set import_from, or remove "
                "objective=sequence_relation and segment_types."
            )
        if self.objective != "sequence_relation" and self.sequence_classes != 2:
            raise ValueError(
                f"sequence_classes is {self.sequence_classes}, and {self.objective} has two "
                f"labels or none. Set objective=sequence_relation, or remove sequence_classes."
            )
        return self

    @model_validator(mode="after")
    def _reference_is_berts(self) -> Self:
        if self.pair_draws == "reference" and self.objective != "next_sentence":
            raise ValueError(
                f"pair_draws=reference reproduces BERT's pairs, and the objective is "
                f"{self.objective}. Set objective=next_sentence, or pair_draws=balanced."
            )
        return self


class ExportSettings(Settings):
    """Instances as records of another system."""

    layout: Layout  # who is to read them
    compress: bool = False  # gzip; the readers of BERT, ALBERT and ELECTRA want none


class EvaluationSettings(Settings):
    """When a model is good enough to be published."""

    batch_size: int = Field(default=64, ge=1)  # instances
    min_gain_over_unigram: float = 0.0  # nats; the held-out loss lies this far below the baseline
    min_replaced_token_auc: float = Field(default=0.5, ge=0, le=1)  # ELECTRA's; guessing has 0.5
    max_loss_increase: float = Field(default=0.0, ge=0)  # nats; over the latest blessed model's
    # what follows when the latest blessed model has another vocabulary, type, length or objective
    incomparable_baseline: Literal["accept", "refuse"] = "accept"


class ReportSettings(Settings):
    """What the corpus report may show."""

    show_text: bool = False  # example instances as text; otherwise counts and word pieces only
    examples: int = Field(default=4, ge=0, le=50)  # instances shown as text
    frequent_pieces: int = Field(default=40, ge=1, le=500)  # of the vocabulary, by occurrences
    sample_documents: int = Field(default=2000, ge=1)  # read for the sentences per document


class ModelCardSettings(Settings):
    """What the model card says that no artifact knows."""

    recipe: str = "textmill-model"  # the recipe's name, which is the model's
    description: str = ""  # the recipe's
    license: str | None = None  # SPDX name of the licence you give the model
    notes: str | None = None  # a paragraph on what the text is and what the model is for
    language: str = "en"  # ISO 639-1, where the documents' settings name none
    tags: tuple[str, ...] = ()  # added to the front matter's
